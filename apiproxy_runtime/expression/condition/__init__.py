"""The condition language: what stands in the `<Condition>` of a step, flow, route rule or fault rule."""
