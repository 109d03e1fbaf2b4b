"""What is deployed, and the one way to change it: all of a change is put in place, or none.

`async with host.change() as draft:` gives a copy of the organization to edit. When the block ends, what depends on the
edit is compiled in every process that serves; if one refuses, nothing has changed and DeployError tells why. Otherwise
the new state is kept in the store, every process swaps, and subscribers are told.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from apiproxy_runtime.bundle.accesstoken import AccessToken
from apiproxy_runtime.bundle.environment import Environment
from apiproxy_runtime.bundle.finding import DeployError, Finding, Findings
from apiproxy_runtime.bundle.keyvaluemap import KeyValueMap
from apiproxy_runtime.control.content import Content, merged, overlay
from apiproxy_runtime.control.deployevent import DeployEvent, changes, refusals
from apiproxy_runtime.control.documents import ORGANIZATION_NOUNS, Documents
from apiproxy_runtime.control.files import Files
from apiproxy_runtime.control.inherited import inherits_the_same
from apiproxy_runtime.control.organization import Deployment, Organization
from apiproxy_runtime.control.replica import LocalReplica, Plan, Replica, ReplicaGone
from apiproxy_runtime.control.storage import Named, Storage
from apiproxy_runtime.gateway.runtime import Runtime
from apiproxy_runtime.program.program import ProxyProgram, SharedFlowProgram
from apiproxy_runtime.state.given import seed_access_tokens
from apiproxy_runtime.state.kvm import KeyValueMaps
from apiproxy_runtime.state.store import settled

logger = logging.getLogger("apiproxy")


class Host:
    """Holds an organization and has it served.

    organization  the state of now: read it, change it only through `change`
    here          serves in this process
    others        workers that serve beside it
    environment   the name that calls without one mean
    strict        refuse what the emulator refuses, where this runtime could take it
    """

    def __init__(
        self,
        organization: str,
        environment: str,
        here: LocalReplica,
        others: Sequence[Replica] = (),
        *,
        strict: bool = False,
    ) -> None:
        self.strict = strict
        self.organization = Organization(organization)
        self.environment = environment
        self.here = here
        self.others = list(others)
        self.store = here.store
        self.storage = Storage(here.store, organization)
        self.subscribers: list[Callable[[DeployEvent], None]] = []
        self.warnings: tuple[Finding, ...] = ()
        self._named = Content()
        self._lock = asyncio.Lock()

    # ---- looking

    @property
    def runtimes(self) -> dict[str, Runtime]:
        """The runtime of each environment, in this process."""
        return self.here.runtimes

    def runtime(self, environment: str) -> Runtime:
        """The runtime of an environment; made if there is none, with nothing deployed."""
        return self.here.runtime(Environment(environment, self.organization.name))

    def programs(self, environment: str) -> list[ProxyProgram]:
        """The proxies that an environment serves."""
        runtime = self.runtimes.get(environment)
        return list(runtime.router.proxies.values()) if runtime is not None else []

    def shared_flows(self, environment: str) -> list[SharedFlowProgram]:
        runtime = self.runtimes.get(environment)
        return list(runtime.shared_flows.values()) if runtime is not None else []

    def kvms(self, environment: str) -> KeyValueMaps:
        """The key value maps that proxies of an environment reach. They live in the store; no `change` is needed."""
        return KeyValueMaps(self.store, self.organization.name, environment)

    def now(self) -> int:
        """Milliseconds since the epoch."""
        return int(self.store.world.now() * 1000)

    def subscribe(self, told: Callable[[DeployEvent], None]) -> None:
        """Have deploys told, in order, once they are in place (or refused). Exceptions of `told` are logged."""
        self.subscribers.append(told)

    # ---- changing

    @asynccontextmanager
    async def change(self, findings: Findings | None = None) -> AsyncIterator[Organization]:
        """A copy of the organization to edit; put in place when the block ends, left alone if it raises.

        Changes wait for each other. `findings` are what is known to be wrong already: errors among them refuse the
        change, together with those that compiling finds. Raises DeployError when what depends on the edit does not compile, StoreError when
        the store does not keep it; both leave everything as it was. Warnings are in `warnings` afterwards.
        """
        async with self._lock:
            draft = self.organization.copy()
            yield draft
            await self._apply(draft, findings or Findings())

    @asynccontextmanager
    async def trial(self) -> AsyncIterator[Organization]:
        """As `change`, but the edited copy is only compiled, in this process, and then forgotten.

        Raises DeployError for what `change` would refuse. No subscriber is told.
        """
        async with self._lock:
            draft = self.organization.copy()
            yield draft
            await self.here.prepare(_plan(draft, _changed(self.organization, draft)))
            await self.here.abort()

    async def _apply(self, draft: Organization, findings: Findings) -> None:
        before = self.organization
        changed = _changed(before, draft)
        plan = _plan(draft, changed)
        same_order = list(before.environments) == list(draft.environments)
        if changed or not same_order or draft.documents != before.documents:
            try:
                findings.extend(await self._prepare(plan, findings))
            except DeployError as error:
                self._tell(refusals(before, draft, error, self.now() / 1000))
                raise
            try:
                await self.storage.save(draft, Named(self._named.documents, self._named.environments))
            except BaseException:
                await self._abort()
                raise
            await self._commit()
            self.warnings = tuple(findings.warnings)
            self.organization = draft
            paths = {name: _base_paths(self.programs(name)) for name in draft.environments}
            self._tell(changes(before, draft, paths, self.warnings, self.now() / 1000))
        else:
            findings.raise_errors()
            self.warnings = tuple(findings.warnings)
            await self.storage.save(draft, Named(self._named.documents, self._named.environments))
            self.organization = draft

    async def _prepare(self, plan: Plan, known: Findings) -> tuple[Finding, ...]:
        """Have every process compile. If one refuses, the others forget what they compiled."""
        try:
            warnings = await self.here.prepare(plan)
        except DeployError as error:
            raise DeployError(Findings((*known, *error.findings))) from None
        if not known.ok:
            await self.here.abort()
            raise DeployError(Findings((*known, *warnings)))
        answers = await asyncio.gather(
            *(other.prepare(plan) for other in self.others), return_exceptions=True
        )
        trouble: BaseException | None = None
        for other, answer in zip(list(self.others), answers, strict=True):
            if isinstance(answer, ReplicaGone):
                logger.warning("A worker has ended and is left out: %s", answer)
                self.others.remove(other)
            elif isinstance(answer, BaseException):
                trouble = trouble or answer
        if trouble is not None:
            await self._abort()
            raise trouble
        return warnings

    async def _commit(self) -> None:
        answers = await asyncio.gather(*(other.commit() for other in self.others), return_exceptions=True)
        for other, answer in zip(list(self.others), answers, strict=True):
            if isinstance(answer, BaseException):
                logger.error("A worker did not take a deploy, and is left out: %s", answer)
                self.others.remove(other)
        await self.here.commit()

    async def _abort(self) -> None:
        await self.here.abort()
        await asyncio.gather(*(other.abort() for other in self.others), return_exceptions=True)

    # ---- the command line

    async def start(self, content: Content) -> tuple[Finding, ...]:
        """Serve what the command line names and what was kept; the warnings.

        What is named wins over what was kept for the same bundle or document. What was kept and can no longer be
        deployed beside it is left out, with a warning for each reason. Raises DeployError if what is named is refused.
        """
        async with self._lock:
            kept = await self.storage.load()
            draft = merged(kept, content)
            draft.environment(self.environment)
            self._named = content
            findings = Findings()
            try:
                await self._settle(draft, findings)
            except DeployError:
                await self._settle_one_by_one(kept, content, findings)
            await self._seed(content.maps, self.organization.environments)
            await self._seed_tokens(content.tokens)
        return tuple(findings)

    async def _settle(self, draft: Organization, findings: Findings) -> None:
        plan = Plan(
            draft.name, draft.documents, tuple(draft.environments.values()), frozenset(draft.environments)
        )
        warnings = await self._prepare(plan, Findings())
        await self._commit()
        self.organization = draft
        self.warnings = warnings
        findings.extend(warnings)

    async def _settle_one_by_one(self, kept: Organization, content: Content, findings: Findings) -> None:
        """What is named alone; then each kept deployment that goes along with it."""
        draft = merged(kept, content)
        draft.environment(self.environment)
        left: list[tuple[str, Deployment]] = []
        for name, state in draft.environments.items():
            for key, deployment in list(state.deployments.items()):
                if deployment.origin != "command line":
                    left.append((name, deployment))
                    del state.deployments[key]
        await self._settle(draft, findings)
        # shared flows first: proxies may be refused without them
        for name, deployment in sorted(left, key=lambda item: item[1].revision.kind, reverse=True):
            more = self.organization.copy()
            more.environment(name).deployments[deployment.revision.key] = deployment
            try:
                await self._settle(more, findings)
            except DeployError as error:
                what = deployment.revision
                for finding in error.errors:
                    findings.add(
                        Finding(
                            finding.file,
                            finding.line,
                            finding.column,
                            finding.name,
                            f"{what.name} revision {what.number} was deployed before and is left out: {finding.message}",
                            finding.cure,
                            "warning",
                        )
                    )

    async def rename(self, content: Content, findings: Findings | None = None) -> None:
        """Put what the command line names now in the place of what it named before (its files have changed).

        `findings` and what is raised are those of `change`.
        """
        former, self._named = self._named, content
        try:
            async with self.change(findings) as draft:
                draft.documents = draft.documents.without(former.documents)
                for name, state in former.environments.items():
                    own = draft.environment(name)
                    own.documents = own.documents.without(state.documents)
                for state in draft.environments.values():
                    state.deployments = {
                        key: item for key, item in state.deployments.items() if item.origin != "command line"
                    }
                overlay(draft, content)
                for name in content.environments:
                    draft.touch(name)
        except BaseException:
            self._named = former
            raise
        await self._seed(content.maps, self.organization.environments)
        await self._seed_tokens(content.tokens)

    # ---- test data and reset

    async def replace_test_data(
        self,
        documents: Documents,
        maps: Iterable[KeyValueMap],
        findings: Findings | None = None,
        tokens: Iterable[AccessToken] = (),
    ) -> None:
        """Forget all products, developers, apps and seeded maps, and take these in their place.

        `findings` are as in `change`; a map that names no environment goes to all of them. Raises as `change` does.
        """
        former, maps = self.organization.seeded, tuple(maps)
        if any(data.encrypted for data in maps):
            _ = self.kvms(
                self.environment
            ).secret  # raises here if there is no key, while nothing has changed
        async with self.change(findings) as draft:
            draft.documents.clear(*ORGANIZATION_NOUNS)
            draft.documents.update(documents)
            draft.seeded = ()
        for scope, environment, proxy, name in former:
            await settled(self.kvms(environment).map(scope, name, proxy=proxy).drop())
        await self._seed(maps, self.organization.environments)
        async with self.change():
            pass  # keeps which maps were seeded
        await self._seed_tokens(tokens)

    async def _seed_tokens(self, tokens: Iterable[AccessToken]) -> None:
        given = tuple(tokens)
        if given:
            # apps are the organization's: every environment has the same
            name = next(reversed(self.organization.environments), self.environment)
            await seed_access_tokens(given, self.runtime(name).services.catalog, self.store)

    async def _seed(self, maps: Iterable[KeyValueMap], environments: Iterable[str]) -> None:
        seeded = dict.fromkeys(self.organization.seeded)
        for data in maps:
            places = [""] if data.scope != "environment" else list(data.environments or environments)
            for place in places:
                proxy = data.api_proxy or ""
                table = self.kvms(place).map(data.scope, data.name, proxy=proxy)
                await settled(table.create(encrypted=data.encrypted))
                await settled(table.seed(data.entries, encrypted=data.encrypted))
                seeded[data.scope, place, proxy, data.name] = None
        self.organization.seeded = tuple(seeded)

    async def reset(self) -> None:
        """Undeploy everything, forget revisions, documents and all key value maps of the organization."""
        environments = list(self.organization.environments)
        proxies = self.organization.names("apiproxy")
        async with self.change() as draft:
            draft.documents = Documents()
            draft.revisions = {}
            draft.seeded = ()
            for state in draft.environments.values():
                state.documents = Documents()
                state.resources = Files({}, "resources")
                state.deployments = {}
        for name in environments or [self.environment]:
            kvms = self.kvms(name)
            scopes = [("organization", ""), ("environment", ""), *(("apiproxy", proxy) for proxy in proxies)]
            for scope, proxy in scopes:
                for table in await settled(kvms.names(scope, proxy=proxy)):
                    await settled(kvms.map(scope, table, proxy=proxy).drop())

    # ---- telling

    def _tell(self, events: Iterable[DeployEvent]) -> None:
        for event in events:
            for told in list(self.subscribers):
                try:
                    told(event)
                except Exception:
                    logger.exception("A subscriber of deploys failed")


def _plan(draft: Organization, changed: set[str]) -> Plan:
    return Plan(
        draft.name,
        draft.documents,
        tuple(draft.environments.values()),
        frozenset(name for name in draft.environments if name in changed),
    )


def _changed(before: Organization, after: Organization) -> set[str]:
    """The environments that would compile to something else."""
    names = {**before.environments, **after.environments}
    if not inherits_the_same(before.documents, after.documents):
        return set(names)
    return {
        name
        for name in names
        if (state := after.environments.get(name)) is None or not state.runs_as(before.environments.get(name))
    }


def _base_paths(programs: Iterable[ProxyProgram]) -> dict[str, tuple[str, ...]]:
    return {
        program.bundle.name: tuple(endpoint.base_path for endpoint in program.endpoints)
        for program in programs
    }
