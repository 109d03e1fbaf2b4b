"""PublishMessage: a text for a Pub/Sub topic."""

from __future__ import annotations

import base64
import os
from collections.abc import Coroutine
from typing import Any

from apiproxy_runtime.policy.api import (
    BOOLEAN,
    PAYLOAD,
    CallFailed,
    Element,
    Fault,
    GoogleApi,
    Message,
    MessageContext,
    Policy,
    Render,
    Site,
    StepFunction,
    attribute,
    child,
    fault_table,
    many,
    nested,
    text,
)


class CloudPubSub(Element):
    topic: str = child("Topic", required=True, default="", doc="projects/PROJECT/topics/TOPIC; template")


class PublishAttribute(Element):
    name: str = attribute("name", required=True, default="")
    value: str = text(PAYLOAD, default="", doc="template")


class Attributes(Element):
    items: tuple[PublishAttribute, ...] = many("Attribute", PublishAttribute)


class PublishMessage(Policy):
    """Publish a text to a Google Pub/Sub topic, and wait until it is taken.

    With PUBSUB_EMULATOR_HOST set, or `--connect-to pubsub.googleapis.com=URL`, the message goes to that server through
    Pub/Sub's REST API; otherwise it is kept in this runtime's `pubsub` records and gets a local id. Where the variable
    `publishmessage.message.id` is set, later policies overwrite it.
    """

    tag = "PublishMessage"
    family = "extension"
    prefix = "publishmessage"
    profiles = ("apigeex",)
    docs = "https://cloud.google.com/apigee/docs/api-platform/reference/policies/publish-message-policy"
    faults = fault_table(
        "steps.publishmessage",
        ("ExecutionFailed", 500, "PublishMessage[{policy}]: publishing failed: {reason}"),
        ("UnresolvedVariable", 500, "PublishMessage[{policy}]: unable to resolve variable {variable}"),
    )
    deploy_errors = {
        "InvalidConfiguration": "PublishMessage[{policy}]: exactly one of Source and UseMessageAsSource is needed"
    }
    variables = {"publishmessage.message.id": "id of the published message"}
    example = """
<PublishMessage name="PM-Order">
  <Source>{request.content}</Source>
  <CloudPubSub><Topic>projects/shop/topics/orders</Topic></CloudPubSub>
  <Attributes><Attribute name="proxy">{apiproxy.name}</Attribute></Attributes>
</PublishMessage>"""

    source: str | None = child("Source", PAYLOAD, doc="text to publish; template")
    message: str | None = child("UseMessageAsSource", doc="message variable whose content is published")
    pubsub: CloudPubSub | None = nested("CloudPubSub", CloudPubSub, required=True)
    attributes: Attributes | None = nested("Attributes", Attributes)
    ignore_unresolved: bool = child("IgnoreUnresolvedVariables", BOOLEAN, default=False)

    def check(self, site: Site) -> None:
        if (self.source is None) == (self.message is None):
            site.error(self.node, "InvalidConfiguration", "Keep one of the two.")

    def compile(self, site: Site) -> StepFunction:
        def render(source: str) -> Render:
            return site.template(
                source, self.node, ignore_unresolved=self.ignore_unresolved, unresolved=self._unresolved
            )

        content = render((self.source or "").strip())
        get = site.getter(self.message.strip()) if self.message else None
        topic = render(self.pubsub.topic if self.pubsub else "")
        attributes = [
            (item.name, render(item.node.text.strip()))
            for item in (self.attributes.items if self.attributes else ())
        ]
        records, api = site.services.records, GoogleApi(site)
        emulator = os.environ.get("PUBSUB_EMULATOR_HOST", "")
        base = f"http://{emulator}" if emulator else "https://pubsub.googleapis.com"

        def collect(ctx: MessageContext) -> tuple[str, str, dict[str, str]]:
            if get is None:
                data = content(ctx)
            else:
                message = get(ctx)
                if message.__class__ is not Message:
                    raise self.fault("UnresolvedVariable", variable=self.message)
                data = message.content
            return topic(ctx), data, {name: value(ctx) for name, value in attributes}

        def publish_locally(ctx: MessageContext) -> None:
            where, data, extra = collect(ctx)
            message_id = str(ctx.world.random_int(10**15, 10**16 - 1))
            records.add(
                "pubsub", {"topic": where, "data": data, "attributes": extra, "messageId": message_id}
            )
            ctx.variables["publishmessage.message.id"] = message_id

        async def publish(ctx: MessageContext) -> None:
            where, data, extra = collect(ctx)
            encoded = base64.b64encode(data.encode()).decode()
            messages = [{"data": encoded, "attributes": extra}]
            try:
                response = await api.post(ctx, f"{base}/v1/{where}:publish", {"messages": messages})
                if response.status >= 400:
                    raise self.fault("ExecutionFailed", reason=f"status {response.status}")
                ctx.variables["publishmessage.message.id"] = response.json()["messageIds"][0]
            except CallFailed as error:
                raise self.fault("ExecutionFailed", reason=error.text) from error
            except (ValueError, KeyError, IndexError, TypeError) as error:
                raise self.fault("ExecutionFailed", reason="the answer names no message") from error

        def publish_message(ctx: MessageContext) -> Coroutine[Any, Any, None] | None:
            if emulator or api.answers(base):
                return publish(ctx)
            publish_locally(ctx)
            return None

        return publish_message

    def _unresolved(self, name: str) -> Fault:
        return self.fault("UnresolvedVariable", variable=name)
