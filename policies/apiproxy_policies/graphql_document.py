"""GraphQL documents: their measures, and the flow variables that the GraphQL policy makes of them.

Values and types are spelled as the Java library prints them that Apigee reads GraphQL with. Source: GraphQL policy
reference (its examples), flow variables reference.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING, TypeGuard

if TYPE_CHECKING:
    # an extra: this module has to load without it, and so tells nodes apart by their kind
    from graphql import (
        ArgumentNode,
        DirectiveNode,
        DocumentNode,
        FieldNode,
        FragmentDefinitionNode,
        FragmentSpreadNode,
        InlineFragmentNode,
        ListTypeNode,
        ListValueNode,
        NamedTypeNode,
        Node,
        NonNullTypeNode,
        ObjectValueNode,
        OperationDefinitionNode,
        SelectionSetNode,
        TypeNode,
        ValueNode,
        VariableNode,
    )

#: of so many variables the rest is left out: clients choose how long their documents are
_MOST_VARIABLES = 5000

Variables = Iterator[tuple[str, object]]


def _is_field(node: Node) -> TypeGuard[FieldNode]:
    return node.kind == "field"


def _is_fragment_spread(node: Node) -> TypeGuard[FragmentSpreadNode]:
    return node.kind == "fragment_spread"


def _is_inline_fragment(node: Node) -> TypeGuard[InlineFragmentNode]:
    return node.kind == "inline_fragment"


def _is_operation_definition(node: Node) -> TypeGuard[OperationDefinitionNode]:
    return node.kind == "operation_definition"


def _is_fragment_definition(node: Node) -> TypeGuard[FragmentDefinitionNode]:
    return node.kind == "fragment_definition"


def _is_non_null_type(node: Node) -> TypeGuard[NonNullTypeNode]:
    return node.kind == "non_null_type"


def _is_list_type(node: Node) -> TypeGuard[ListTypeNode]:
    return node.kind == "list_type"


def _is_named_type(node: Node) -> TypeGuard[NamedTypeNode]:
    return node.kind == "named_type"


def _is_variable(node: Node) -> TypeGuard[VariableNode]:
    return node.kind == "variable"


def _is_list_value(node: Node) -> TypeGuard[ListValueNode]:
    return node.kind == "list_value"


def _is_object_value(node: Node) -> TypeGuard[ObjectValueNode]:
    return node.kind == "object_value"


def operations_of(document: DocumentNode) -> list[OperationDefinitionNode]:
    return [node for node in document.definitions if _is_operation_definition(node)]


def fragments_of(document: DocumentNode) -> dict[str, FragmentDefinitionNode]:
    return {node.name.value: node for node in document.definitions if _is_fragment_definition(node)}


# ---- measures


def depth(document: DocumentNode) -> int:
    """How deep fields are nested, fragments followed."""
    fragments, known = fragments_of(document), dict[str, int]()

    def below(selections: SelectionSetNode | None, path: frozenset[str]) -> int:
        return max((of(each, path) for each in selections.selections), default=0) if selections else 0

    def of(selection: Node, path: frozenset[str]) -> int:
        if _is_field(selection):
            return 1 + below(selection.selection_set, path)
        if _is_inline_fragment(selection):
            return below(selection.selection_set, path)
        name = selection.name.value if _is_fragment_spread(selection) else ""
        if name in path or name not in fragments:
            return 0
        if name not in known:
            known[name] = below(fragments[name].selection_set, path | {name})
        return known[name]

    return max((below(node.selection_set, frozenset()) for node in operations_of(document)), default=0)


def cost(document: DocumentNode) -> int:
    """An estimate of what verifying takes: fields of one name are compared in pairs, and so are fragments."""
    names: Counter[str] = Counter()
    pending: list[SelectionSetNode | None] = [
        node.selection_set
        for node in document.definitions
        if (_is_operation_definition(node) or _is_fragment_definition(node))
    ]
    while pending:
        selections = pending.pop()
        for each in selections.selections if selections is not None else ():
            if _is_field(each):
                names[(each.alias or each.name).value] += 1
                pending.append(each.selection_set)
            elif _is_inline_fragment(each):
                pending.append(each.selection_set)
            else:
                names["..."] += 1
    return sum(count * count for count in names.values())


# ---- variables


def variables_of(document: DocumentNode, operation: OperationDefinitionNode | None) -> Variables:
    """(name, value) of the flow variables, at most 5,000."""
    for count, pair in enumerate(_all(document, operation)):
        if count >= _MOST_VARIABLES:
            return
        yield pair


def _all(document: DocumentNode, operation: OperationDefinitionNode | None) -> Variables:
    fragments = fragments_of(document)
    yield "graphql.fragment.count", len(fragments)
    for number, (name, fragment) in enumerate(fragments.items(), 1):
        yield f"graphql.fragment.{number}.name", name
        yield from _selections(f"graphql.fragment.{number}", fragment.selection_set)
    if operation is None:
        return
    yield "graphql.operation.operationType", operation.operation.name
    if operation.name is not None:
        yield "graphql.operation.name", operation.name.value
    definitions = operation.variable_definitions or ()
    start = "graphql.operation.variableDefinitions"
    yield f"{start}.count", len(definitions)
    for number, definition in enumerate(definitions, 1):
        yield f"{start}.{number}.name", definition.variable.name.value
        yield f"{start}.{number}.type", type_text(definition.type)
    yield from _directives("graphql.operation", operation.directives or ())
    yield from _selections("graphql.operation", operation.selection_set)


def _selections(owner: str, selections: SelectionSetNode | None) -> Variables:
    if selections is None:
        return
    start = f"{owner}.selectionSet"
    yield f"{start}.count", len(selections.selections)
    for number, selection in enumerate(selections.selections, 1):
        here = f"{start}.{number}"
        if _is_field(selection):
            yield f"{here}.name", selection.name.value
            if selection.alias is not None:
                yield f"{here}.alias", selection.alias.value
            yield from _arguments(here, selection.arguments or ())
        elif _is_fragment_spread(selection):
            yield f"{here}.name", selection.name.value
        elif _is_inline_fragment(selection) and selection.type_condition is not None:
            yield f"{here}.name", selection.type_condition.name.value
        yield from _directives(here, selection.directives or ())
        if _is_field(selection) or _is_inline_fragment(selection):
            yield from _selections(here, selection.selection_set)


def _arguments(owner: str, arguments: tuple[ArgumentNode, ...]) -> Variables:
    yield f"{owner}.argument.count", len(arguments)
    for number, argument in enumerate(arguments, 1):
        yield f"{owner}.argument.{number}.name", argument.name.value
        yield f"{owner}.argument.{number}.value", value_text(argument.value)


def _directives(owner: str, directives: tuple[DirectiveNode, ...]) -> Variables:
    yield f"{owner}.directive.count", len(directives)
    for number, directive in enumerate(directives, 1):
        here = f"{owner}.directive.{number}"
        yield f"{here}.name", directive.name.value
        yield from _arguments(here, directive.arguments or ())


def type_text(node: TypeNode) -> str:
    """`NonNullType{type=TypeName{name='Boolean'}}`."""
    if _is_non_null_type(node):
        return f"NonNullType{{type={type_text(node.type)}}}"
    if _is_list_type(node):
        return f"ListType{{type={type_text(node.type)}}}"
    return f"TypeName{{name='{node.name.value if _is_named_type(node) else ''}'}}"


def value_text(node: ValueNode) -> str:
    """`IntValue{value=123}`, `VariableReference{name='x'}`, `EnumValue{name='ADMIN'}`."""
    if _is_variable(node):
        return f"VariableReference{{name='{node.name.value}'}}"
    if node.kind == "null_value":
        return "NullValue{}"
    if _is_list_value(node):
        return f"ArrayValue{{values=[{', '.join(map(value_text, node.values))}]}}"
    if _is_object_value(node):
        fields = (
            f"ObjectField{{name='{field.name.value}', value={value_text(field.value)}}}"
            for field in node.fields
        )
        return f"ObjectValue{{objectFields=[{', '.join(fields)}]}}"
    return _scalar_text(node)


def _scalar_text(node: Node) -> str:
    value = getattr(node, "value", "")
    kind = _KINDS[node.kind]
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif kind == "StringValue":
        value = f"'{value}'"
    return f"{kind}{{name='{value}'}}" if kind == "EnumValue" else f"{kind}{{value={value}}}"


_KINDS = {
    "int_value": "IntValue",
    "float_value": "FloatValue",
    "string_value": "StringValue",
    "boolean_value": "BooleanValue",
    "enum_value": "EnumValue",
}
