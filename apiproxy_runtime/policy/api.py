"""What a policy may use. Policies import from here and from nowhere else of the runtime."""

from importlib import import_module
from typing import TYPE_CHECKING

from apiproxy_runtime.bundle.cache import Cache as CacheDescriptor
from apiproxy_runtime.bundle.finding import Findings, Place
from apiproxy_runtime.bundle.model import (
    Authentication,
    HTTPTargetConnection,
    LocalTargetConnection,
    ProxyEndpoint,
    Resource,
    SSLInfo,
    TargetEndpoint,
)
from apiproxy_runtime.bundle.target import (
    read_authentication,
    read_http_target,
    read_local_target,
    read_ssl_info,
)
from apiproxy_runtime.bundle.targetserver import TargetServer
from apiproxy_runtime.bundle.xml import Node
from apiproxy_runtime.expression.condition.compiler import compile_condition
from apiproxy_runtime.expression.condition.lexer import ConditionSyntaxError
from apiproxy_runtime.expression.javaregex import JavaRegexError, compile_java_regex
from apiproxy_runtime.expression.pattern import Pattern, PatternError, compile_pattern
from apiproxy_runtime.expression.simpledateformat import DateFormatError, compile_format, parse_date
from apiproxy_runtime.expression.template.compiler import Template, UnresolvedVariable
from apiproxy_runtime.message import variables
from apiproxy_runtime.message.builtin import BUILT_IN
from apiproxy_runtime.message.context import (
    POST_CLIENT,
    PROXY_REQUEST,
    PROXY_RESPONSE,
    TARGET_REQUEST,
    TARGET_RESPONSE,
    MessageContext,
)
from apiproxy_runtime.message.error import default_error
from apiproxy_runtime.message.fault import Fault, FaultKind, Respond
from apiproxy_runtime.message.fields import field as message_field
from apiproxy_runtime.message.headers import SINGLE_VALUED, Headers
from apiproxy_runtime.message.jsontext import read_json
from apiproxy_runtime.message.message import FORM_TYPE, Message, Parameters, reason_phrase
from apiproxy_runtime.message.secrecy import names_secret, shortened
from apiproxy_runtime.message.text import text_of
from apiproxy_runtime.message.variables import Getter, Setter
from apiproxy_runtime.policy.declaration import (
    Element,
    Value,
    attribute,
    child,
    children,
    many,
    nested,
    sequence,
    text,
)
from apiproxy_runtime.policy.egress import (
    Call,
    CallFailed,
    Egress,
    HTTPTarget,
    LocalTarget,
    Rpc,
    RpcFailed,
    RpcTarget,
)
from apiproxy_runtime.policy.events import Emitter, EventKind
from apiproxy_runtime.policy.google import GoogleApi
from apiproxy_runtime.policy.integration import REQUEST_VARIABLE, IntegrationCaller
from apiproxy_runtime.policy.kinds import (
    BOOLEAN,
    INTEGER,
    MILLISECONDS,
    NATURAL,
    NUMBER,
    PAYLOAD,
    POSITIVE,
    TEXT,
    VARIABLE,
    Kind,
    at_least,
    one_of,
)
from apiproxy_runtime.policy.policy import Policy, StepFunction, fault_table
from apiproxy_runtime.policy.setting import Setting
from apiproxy_runtime.policy.site import (
    Predicate,
    Render,
    Services,
    SharedFlowRunner,
    Site,
    unresolved_variable,
)
from apiproxy_runtime.policy.tokens import TokenSource, compile_header_name, compile_token
from apiproxy_runtime.state.cache import SHARED as SHARED_CACHE
from apiproxy_runtime.state.cache import (
    Cache,
    CachedResponse,
    Caches,
    Expiry,
    after_seconds,
    at_time_of_day,
    cache_key,
    key_prefix,
    on_date,
)
from apiproxy_runtime.state.catalog import Catalog, Consumer, draw
from apiproxy_runtime.state.kvm import SCOPES, KeyValueMap, KeyValueMaps
from apiproxy_runtime.state.operation import PAYLOAD_OPERATION, Grant
from apiproxy_runtime.state.store import Answer, Store, settled, then
from apiproxy_runtime.state.tokens import Code, Records, RequestToken, Token, Tokens
from apiproxy_runtime.state.window import Count
from apiproxy_runtime.world import World

if TYPE_CHECKING:
    from apiproxy_runtime.bundle.developer import App, Developer
    from apiproxy_runtime.bundle.product import Product
    from apiproxy_runtime.expression.boundedregex import BoundedRegex, RegexTimeout, compile_bounded
    from apiproxy_runtime.expression.jsonpath import (
        MISSING,
        JsonPath,
        JsonPathSyntaxError,
        compile_jsonpath,
        to_text,
    )
    from apiproxy_runtime.expression.xpath import (
        NotANodeset,
        XPath,
        XPathFailed,
        XPathSyntaxError,
        compile_xpath,
    )

#: What takes long to load, and most bundles need only a part of: imported when a policy first asks for it.
_LATER = {
    **dict.fromkeys(
        ("BoundedRegex", "RegexTimeout", "compile_bounded"), "apiproxy_runtime.expression.boundedregex"
    ),
    **dict.fromkeys(("App", "Developer"), "apiproxy_runtime.bundle.developer"),
    "Product": "apiproxy_runtime.bundle.product",
    **dict.fromkeys(
        ("MISSING", "JsonPath", "JsonPathSyntaxError", "compile_jsonpath", "to_text"),
        "apiproxy_runtime.expression.jsonpath",
    ),
    **dict.fromkeys(
        ("NotANodeset", "XPath", "XPathFailed", "XPathSyntaxError", "compile_xpath"),
        "apiproxy_runtime.expression.xpath",
    ),
}


def __getattr__(name: str) -> object:
    module = _LATER.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(module), name)
    globals()[name] = value
    return value


__all__ = [
    "BOOLEAN",
    "BUILT_IN",
    "FORM_TYPE",
    "INTEGER",
    "MILLISECONDS",
    "MISSING",
    "NATURAL",
    "NUMBER",
    "PAYLOAD",
    "PAYLOAD_OPERATION",
    "POSITIVE",
    "POST_CLIENT",
    "PROXY_REQUEST",
    "PROXY_RESPONSE",
    "REQUEST_VARIABLE",
    "SCOPES",
    "SHARED_CACHE",
    "SINGLE_VALUED",
    "TARGET_REQUEST",
    "TARGET_RESPONSE",
    "TEXT",
    "VARIABLE",
    "Answer",
    "App",
    "Authentication",
    "BoundedRegex",
    "Cache",
    "CacheDescriptor",
    "CachedResponse",
    "Caches",
    "Call",
    "CallFailed",
    "Catalog",
    "Code",
    "ConditionSyntaxError",
    "Consumer",
    "Count",
    "DateFormatError",
    "Developer",
    "Egress",
    "Element",
    "Emitter",
    "EventKind",
    "Expiry",
    "Fault",
    "FaultKind",
    "Findings",
    "Getter",
    "GoogleApi",
    "Grant",
    "HTTPTarget",
    "HTTPTargetConnection",
    "Headers",
    "IntegrationCaller",
    "JavaRegexError",
    "JsonPath",
    "JsonPathSyntaxError",
    "KeyValueMap",
    "KeyValueMaps",
    "Kind",
    "LocalTarget",
    "LocalTargetConnection",
    "Message",
    "MessageContext",
    "Node",
    "NotANodeset",
    "Parameters",
    "Pattern",
    "PatternError",
    "Place",
    "Policy",
    "Predicate",
    "Product",
    "ProxyEndpoint",
    "Records",
    "RegexTimeout",
    "Render",
    "RequestToken",
    "Resource",
    "Respond",
    "Rpc",
    "RpcFailed",
    "RpcTarget",
    "SSLInfo",
    "Services",
    "Setter",
    "Setting",
    "SharedFlowRunner",
    "Site",
    "StepFunction",
    "Store",
    "TargetEndpoint",
    "TargetServer",
    "Template",
    "Token",
    "TokenSource",
    "Tokens",
    "UnresolvedVariable",
    "Value",
    "World",
    "XPath",
    "XPathFailed",
    "XPathSyntaxError",
    "after_seconds",
    "at_least",
    "at_time_of_day",
    "attribute",
    "cache_key",
    "child",
    "children",
    "compile_bounded",
    "compile_condition",
    "compile_format",
    "compile_header_name",
    "compile_java_regex",
    "compile_jsonpath",
    "compile_pattern",
    "compile_token",
    "compile_xpath",
    "default_error",
    "draw",
    "fault_table",
    "key_prefix",
    "many",
    "message_field",
    "names_secret",
    "nested",
    "on_date",
    "one_of",
    "parse_date",
    "read_authentication",
    "read_http_target",
    "read_json",
    "read_local_target",
    "read_ssl_info",
    "reason_phrase",
    "sequence",
    "settled",
    "shortened",
    "text",
    "text_of",
    "then",
    "to_text",
    "unresolved_variable",
    "variables",
]
