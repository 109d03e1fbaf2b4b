"""The order in which the flows of a transaction run, and which conditional flow is chosen."""

from pathlib import Path

from tests.house import house, mark, note, proxy, show, steps, target, write_bundle

FLOW = "<Flow name='{name}'><Condition>{condition}</Condition><Request>{request}</Request><Response>{response}</Response></Flow>"


def bundle(folder: Path, proxy_xml: str, target_xml: str = "", **policies: str) -> Path:
    files = {"proxies/default.xml": proxy_xml}
    if target_xml:
        files["targets/default.xml"] = target_xml
    files |= {f"policies/{name.replace('_', '-')}.xml": text for name, text in policies.items()}
    return write_bundle(folder, "order", files)


async def test_request_and_response_flows_run_in_the_documented_order(tmp_path: Path) -> None:
    names = ["p-pre", "p-flow", "p-post", "t-pre", "t-flow", "r-pre", "r-flow", "q-pre", "q-flow", "q-post"]
    path = bundle(
        tmp_path,
        proxy(
            request=steps("p-pre"),
            flows=FLOW.format(
                name="f", condition="true", request=steps("p-flow"), response=steps("q-flow")
            ).replace("<Condition>true</Condition>", ""),
            post_request=steps("p-post"),
            response=steps("q-pre"),
            post_response=steps("q-post", "show"),
        ),
        target(
            request=steps("t-pre"),
            flows=f"<Flow name='f'><Request>{steps('t-flow')}</Request><Response>{steps('r-flow')}</Response></Flow>",
            response=steps("r-pre"),
        ),
        **{name: note(name) for name in names},
        show=show("show", X_Trail="{trail}"),
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t/x")
    assert reply.status == 200
    assert reply.headers["X-Trail"].split() == names


async def test_only_the_first_flow_that_holds_runs(tmp_path: Path) -> None:
    flows = "".join(
        FLOW.format(
            name=name, condition=f'proxy.pathsuffix MatchesPath "{pattern}"', request=steps(name), response=""
        )
        for name, pattern in (("one", "/a"), ("two", "/**"), ("three", "/**"))
    )
    path = bundle(
        tmp_path, proxy(flows=flows), target(), one=mark("one"), two=mark("two"), three=mark("three")
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t/a")).json()["headers"]["x-trail"] == "one"
        assert (await gateway.get("/t/b")).json()["headers"]["x-trail"] == "two"


async def test_the_choice_is_made_afresh_for_the_response(tmp_path: Path) -> None:
    flows = FLOW.format(
        name="asks", condition="response.status.code is null", request=steps("in"), response=steps("never")
    ) + FLOW.format(name="answers", condition="response.status.code = 200", request="", response=steps("out"))
    path = bundle(
        tmp_path,
        proxy(flows=flows),
        target(),
        **{"in": mark("in"), "out": mark("out"), "never": mark("never")},
    )
    async with house(path) as gateway:
        reply = await gateway.get("/t")
    assert reply.json()["headers"]["x-trail"] == "in"
    assert reply.headers["X-Trail"] == "out"


async def test_a_chosen_flow_without_steps_in_this_direction_still_counts(tmp_path: Path) -> None:
    flows = FLOW.format(
        name="empty", condition='request.verb = "GET"', request="", response=""
    ) + FLOW.format(name="later", condition='request.verb = "GET"', request=steps("late"), response="")
    path = bundle(tmp_path, proxy(flows=flows), target(), late=mark("late"))
    async with house(path) as gateway:
        assert "x-trail" not in (await gateway.get("/t")).json()["headers"]


async def test_disabled_policies_and_false_conditions_do_nothing(tmp_path: Path) -> None:
    off = mark("off").replace("<AssignMessage ", '<AssignMessage enabled="false" ')
    path = bundle(
        tmp_path,
        proxy(request=steps("off", on='request.verb = "POST"')),
        target(),
        off=off,
        on=mark("on"),
    )
    async with house(path) as gateway:
        assert "x-trail" not in (await gateway.get("/t")).json()["headers"]
        assert (await gateway.call("POST", "/t", data="x")).json()["headers"]["x-trail"] == "on"


async def test_current_flow_name_follows_the_flows(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps("pre"),
            flows=f"<Flow name='orders'><Description>lists</Description><Request>{steps('flow')}</Request></Flow>",
            post_request=steps("post"),
        ),
        target(request=steps("in-target")),
        pre=show("pre", X_1="{current.flow.name}"),
        flow=show("flow", X_2="{current.flow.name}/{current.flow.description}"),
        post=show("post", X_3="{current.flow.name}/{proxy.flow.name}"),
        **{
            "in-target": show(
                "in-target",
                X_4="{current.flow.name} {proxy.flow.name} {target.flow.name} {route.name} {route.target}",
            )
        },
    )
    async with house(path) as gateway:
        seen = (await gateway.get("/t")).json()["headers"]
    assert seen["x-1"] == "PreFlow"
    assert seen["x-2"] == "orders/lists"
    assert seen["x-3"] == "PostFlow/PostFlow"
    assert seen["x-4"] == "PreFlow PostFlow PreFlow default default"


async def test_post_client_flow_runs_after_the_response_and_after_errors(tmp_path: Path) -> None:
    path = bundle(
        tmp_path,
        proxy(
            request=steps(fail='proxy.pathsuffix = "/bad"'),
            extra=f"<PostClientFlow><Response>{steps('tell')}</Response></PostClientFlow>",
        ),
        target(),
        fail="<RaiseFault name='fail'><FaultResponse><Set><StatusCode>418</StatusCode></Set></FaultResponse></RaiseFault>",
        tell="""<ServiceCallout name='tell'><Request><Set><Path>/told/{message.status.code}</Path><Verb>GET</Verb></Set>
<IgnoreUnresolvedVariables>true</IgnoreUnresolvedVariables></Request><Response>r</Response>
<HTTPTargetConnection><URL>http://up.test/told/{message.status.code}/{client.sent.end.timestamp}</URL></HTTPTargetConnection></ServiceCallout>""",
    )
    async with house(path) as gateway:
        assert (await gateway.get("/t/good")).status == 200
        assert (await gateway.get("/t/bad")).status == 418
        await gateway.runtime.gateway.drain(2)
        told = [call["path"] for call in gateway.upstream.seen if call["path"].startswith("/told/")]
    assert [path.split("/")[2] for path in told] == ["200", "418"]
    assert all(int(path.split("/")[3]) > 0 for path in told)
