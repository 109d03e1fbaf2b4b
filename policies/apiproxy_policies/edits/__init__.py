"""Edits of a message: `<Set>`, `<Add>`, `<Copy>`, `<Remove>` and `<AssignVariable>`.

AssignMessage, RaiseFault, ServiceCallout and HTTPModifier are made of them. Each element compiles to functions of
the context and the message they change. Source: AssignMessage policy reference.
"""

from apiproxy_policies.edits.copying import Copy
from apiproxy_policies.edits.editing import Edit, Editing
from apiproxy_policies.edits.removing import Remove, check_indexes
from apiproxy_policies.edits.setting import Add, Set
from apiproxy_policies.edits.variable import AssignVariable

__all__ = ["Add", "AssignVariable", "Copy", "Edit", "Editing", "Remove", "Set", "check_indexes"]
