"""What ends a flow before its last step: a fault, which starts the error flow, and an answer that is ready."""

from __future__ import annotations

from typing import TYPE_CHECKING

from msgspec import Struct

if TYPE_CHECKING:
    from apiproxy_runtime.message.message import Message


class Fault(Exception):
    """A fault on its way to the fault rules.

    code     the whole error code, `steps.raisefault.RaiseFault`; `fault.name` is its last dotted part
    text     the `faultstring`
    status   HTTP status of the answer, unless a fault rule changes it
    reason   what X adds as `detail.reason` (`TARGET_READ_TIMEOUT`), else None
    message  the pending error response when the fault brings its own (RaiseFault, a target's error answer)
    category `Step` for policies, `Messaging`, `Transport` or `System` otherwise (flow-hooks and fault-handling pages)
    variables  flow variables to set together with `<prefix>.<policy>.failed` (`oauthV2.P.fault.cause`, …)
    skip_continue_on_error  the fault is raised even when its policy says continueOnError="true"
    """

    def __init__(
        self,
        code: str,
        text: str = "",
        status: int = 500,
        *,
        name: str | None = None,
        reason: str | None = None,
        message: Message | None = None,
        category: str = "Step",
        subcategory: str | None = None,
        fault_type: str | None = None,
        cause: BaseException | None = None,
        variables: dict[str, object] | None = None,
        skip_continue_on_error: bool = False,
    ) -> None:
        super().__init__(f"{code}: {text}")
        self.code = code
        self.text = text
        self.status = status
        self.name = name or code.rpartition(".")[2]
        self.reason = reason
        self.message = message
        self.category = category
        self.subcategory = subcategory
        self.type = fault_type
        self.__cause__ = cause
        self.variables = variables or {}
        self.skip_continue_on_error = skip_continue_on_error
        #: headers (lower case) that RaiseFault set; what a fault rule sets beside them is added, not put in their place
        self.headers: frozenset[str] = frozenset()
        self.policy: str | None = None
        self.flow: str | None = None
        self.state: str | None = None


class Respond(Exception):
    """The response is ready: what a step of a request flow raises to leave the rest of the request and the target out.

    message  becomes `response`
    flows    whether response flows run: of the endpoint whose request flow it was raised in, and of all above it
    behind   name of a policy: the response flows are taken up behind its step, wherever they attach it
             (ResponseCache reference: a hit goes on behind the policy's second attachment)

    It is no fault: the step has succeeded, and no fault rule runs. Raised in any other flow it is an error of the policy.
    """

    def __init__(self, message: Message, *, flows: bool = True, behind: str = "") -> None:
        super().__init__("answered by a step")
        self.message = message
        self.flows = flows
        self.behind = behind


class FaultKind(Struct, frozen=True):
    """One row of a fault table: what a policy's declaration says of a fault it can raise.

    `text` holds `{placeholders}` that are filled when the fault is raised.
    """

    code: str
    status: int
    text: str
    cause: str = ""

    def __call__(
        self, *, status: int | None = None, cause: BaseException | None = None, **values: object
    ) -> Fault:
        return Fault(self.code, self.fill(values), status or self.status, cause=cause)

    def fill(self, values: dict[str, object]) -> str:
        text = self.text
        for name, value in values.items():
            text = text.replace("{" + name + "}", str(value))
        return text
