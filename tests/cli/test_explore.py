"""`rooflax explore` as a process: its address, its files, who may ask for them, and its end."""

from __future__ import annotations

import signal
import urllib.request
from pathlib import Path
from urllib.error import HTTPError

import pytest
from click.testing import CliRunner
from served_explorer import served

from rooflax.cli import main

SPEC = """\
title: Small
axes: {mfu: [0.3, 0.4, 0.5], world_size: [8, 16]}
fixed: {num_parameters: 1 G, hardware: h100-sxm-80gb, tokens: 1 T, gpu_hour_price: 2 $/h}
outputs: [training_time_6nd]
"""


@pytest.fixture(scope="module")
def spec(tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("spec") / "small.yaml"
    path.write_text(SPEC)
    return path


@pytest.fixture(scope="module")
def page(spec):
    with served(str(spec), sound=False) as found:
        yield found


def fetched(url: str, host: str = "") -> tuple[int, bytes, str]:
    asked = urllib.request.Request(url, headers={"Host": host} if host else {})
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status, answer.read(), answer.headers["Content-Type"]
    except HTTPError as error:
        with error:
            return error.code, error.read(), error.headers["Content-Type"]


@pytest.mark.slow
def test_files_of_a_view_are_at_its_link(page):
    query = "?picture=heat-map&x=mfu&y=world_size"
    for kind, start in (("png", b"\x89PNG"), ("svg", b"<?xml"), ("pdf", b"%PDF"), ("yaml", b"title: Small")):
        status, content, _ = fetched(f"{page.url}files/view.{kind}{query}")
        assert (status, content[: len(start)]) == (200, start), kind
    assert (
        fetched(f"{page.url}files/view.csv{query}")[1]
        .splitlines()[0]
        .startswith(b"world_size,mfu,training_time_6nd [s]")
    )


@pytest.mark.slow
def test_a_file_that_cannot_be_had_is_a_sentence(page):
    found = fetched(f"{page.url}files/view.png?picture=cake")
    assert found[0] == 400
    assert found[1].startswith(b"the link asks for the picture `cake`")
    assert found[2].startswith("text/plain")
    assert fetched(f"{page.url}files/view.exe")[0] == 404


@pytest.mark.slow
def test_strangers_names_lead_nowhere(page):
    port = page.url.split(":")[-1].strip("/")
    assert fetched(f"{page.url}files/view.csv", f"localhost:{port}")[0] == 200
    assert fetched(f"{page.url}files/view.csv", f"evil.example:{port}")[0] == 403
    assert "evil" not in fetched(page.url)[1].decode()


@pytest.mark.slow
@pytest.mark.parametrize(("origin", "status"), [("", 101), ("http://evil.example", 403)])
def test_sockets_are_opened_to_the_page_alone(page, origin, status):
    import http.client

    host = page.url.removeprefix("http://").strip("/")
    asked = http.client.HTTPConnection(host, timeout=60)
    handshake = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Version": "13"}
    handshake |= {"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==", "Origin": origin or f"http://{host}"}
    handshake |= {"Sec-WebSocket-Protocol": "bokeh, token"}
    asked.request("GET", "/ws", headers=handshake)
    found = asked.getresponse().status
    asked.close()
    assert (found == 403) == (status == 403)


@pytest.mark.slow
def test_a_port_that_is_taken_is_a_sentence(page, spec):
    port = page.url.split(":")[-1].strip("/")
    done = CliRunner().invoke(main, ["explore", str(spec), "--port", port, "--no-browser"])
    assert done.exit_code == 2
    assert f"port {port} of 127.0.0.1 is taken; give another with --port, or --port 0" in done.output


@pytest.mark.slow
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_ends_in_order_when_it_is_told_to(spec, number):
    with served(str(spec)) as found:
        found.process.send_signal(number)
        assert found.process.wait(60) == 0
    assert [line for line in found.log if "Ctrl-C" not in line] == []


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["nowhere.yaml"], "nowhere.yaml"),
        (["6nd", "--set", "mfu=tall"], "mfu"),
        (["6nd", "--port", "70000"], "70000"),
    ],
)
def test_what_cannot_be_shown_is_a_sentence(arguments, sentence):
    done = CliRunner().invoke(main, ["explore", *arguments, "--no-browser"])
    assert done.exit_code == 2
    assert sentence in done.output
    assert "Traceback" not in done.output
