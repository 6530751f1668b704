"""The explorer in a real browser: every control changes the picture, and what goes wrong is told."""

from __future__ import annotations

import shutil

import pytest
from served_explorer import served

pytestmark = pytest.mark.slow
PICTURE = ".bk-Figure"


def title(reader) -> str:
    return reader.page.locator("h2").inner_text()


def under(reader) -> str:
    return reader.page.locator("h2 + div").inner_text()


def shown(reader) -> bytes:
    """The picture as it is on the screen."""
    return reader.page.locator(PICTURE).screenshot()


def opened(reader, address: str) -> None:
    reader.page.goto(address)
    reader.page.locator(f"{PICTURE} canvas").first.wait_for()
    drawn(reader)


def drawn(reader) -> bytes:
    """The picture when it has come to rest."""
    before = b""
    for _ in range(40):
        reader.page.wait_for_timeout(150)
        now = shown(reader)
        if now == before:
            return now
        before = now
    raise AssertionError("the picture never came to rest")


def changed(reader, act, text=title) -> None:
    """Does something, and waits until a text and the picture are others than before."""
    picture, before = drawn(reader), text(reader)
    act()
    for _ in range(200):
        reader.page.wait_for_timeout(100)
        if reader.page.locator(PICTURE).count() and text(reader) != before:
            break
    assert text(reader) != before
    assert drawn(reader) != picture


def choose(reader, control: str, option: str):
    return lambda: reader.page.get_by_label(control, exact=True).select_option(label=option)


def press(reader, slider: int, key: str):
    return lambda: reader.page.locator(".noUi-handle").nth(slider).press(key)


def saved(reader, kind: str, folder) -> bytes:
    with reader.page.expect_download() as download:
        reader.page.locator(f'a[href*="view.{kind}"]').click()
    path = folder / f"view.{kind}"
    download.value.save_as(path)
    return path.read_bytes()


def tap(reader, across: float, down: float) -> None:
    box = reader.page.locator(f"{PICTURE} canvas").first.bounding_box()
    reader.page.mouse.click(box["x"] + box["width"] * across, box["y"] + box["height"] * down)


def test_a_store_answers_to_everything(stored, reader, tmp_path):
    opened(reader, stored.url)
    assert title(reader) == "Time of one training step over GPUs and Memory bandwidth"
    changed(reader, press(reader, 0, "Home"), under)
    assert "Tensor parallel degree: 1" in under(reader)
    changed(reader, choose(reader, "Hardware", "a100-sxm-80gb"), under)
    changed(reader, choose(reader, "y", "Tensor parallel degree"))
    changed(reader, choose(reader, "Quantity", "Peak memory of training on one GPU of the worst stage"))
    changed(reader, choose(reader, "Kind", "Line"))
    address = reader.page.url
    assert "picture=line" in address

    svg = saved(reader, "svg", tmp_path).decode()
    assert svg.lstrip().startswith("<?xml")
    assert saved(reader, "png", tmp_path).startswith(b"\x89PNG")
    rows = saved(reader, "csv", tmp_path).decode().splitlines()
    assert rows[0].startswith("world_size,memory_per_gpu [B]")
    assert len(rows) == 1 + 5
    assert b"outputs: [memory_per_gpu" in saved(reader, "yaml", tmp_path)

    picture, named = drawn(reader), (title(reader), under(reader))
    opened(reader, stored.url)
    assert title(reader) != named[0]
    opened(reader, address)
    assert (title(reader), under(reader)) == named
    assert drawn(reader) == picture


def test_a_point_is_explained_where_it_is_tapped(stored, reader):
    opened(reader, stored.url)
    tap(reader, 0.4, 0.5)
    tree = reader.page.locator(".tree")
    tree.wait_for()
    assert "Time of one training step = " in tree.inner_text()
    assert "100.0 %" in tree.inner_text()
    assert "point.world_size" in reader.page.url
    first = tree.inner_text()
    reader.page.wait_for_timeout(700)  # two clicks within 300 ms would be a double click
    tap(reader, 0.4, 0.2)
    for _ in range(100):
        reader.page.wait_for_timeout(100)
        if tree.inner_text() != first:
            break
    assert tree.inner_text() != first


def test_the_table_holds_the_slice(stored, reader):
    opened(reader, stored.url)
    reader.page.get_by_text("Table", exact=True).click()
    reader.page.locator(".tabulator-row").first.wait_for()
    heads = reader.page.locator(".tabulator-col-title").all_inner_texts()
    assert heads[1:4] == ["GPUs", "Memory bandwidth [TB/s]", "Time of one training step [s]"]
    first = reader.page.locator(".tabulator-row").first.inner_text()
    reader.page.get_by_text("GPUs", exact=True).last.click()
    reader.page.get_by_text("GPUs", exact=True).last.click()
    reader.page.wait_for_timeout(300)
    assert reader.page.locator(".tabulator-row").first.inner_text() != first


def test_a_spec_is_evaluated_as_inputs_move(live, reader):
    opened(reader, live.url)
    changed(reader, choose(reader, "Kind", "Line"))
    search = reader.page.get_by_placeholder("search inputs")
    search.click()
    search.press_sequentially("Price of one GPU")
    reader.page.locator(".choices__list--dropdown .choices__item--selectable").first.click()
    reader.page.get_by_text("Price of one GPU-hour:").wait_for()
    changed(reader, choose(reader, "Quantity", "Cost of one trained token"))
    before = drawn(reader)
    reader.page.locator(".noUi-handle").last.focus()
    changed(reader, lambda: reader.page.locator(".noUi-handle").last.press("PageUp"), under)
    assert "Price of one GPU" in under(reader)
    assert "set.gpu_hour_price" in reader.page.url
    assert drawn(reader) != before
    reader.page.get_by_text("elasticity +1", exact=True).wait_for(timeout=60_000)


@pytest.mark.parametrize("width", [800, 1280])
def test_nothing_is_wider_than_the_window(stored, reader, width, tmp_path):
    reader.page.set_viewport_size({"width": width, "height": 900})
    opened(reader, stored.url)
    assert reader.page.evaluate("document.documentElement.scrollWidth") <= width
    box = reader.page.locator(PICTURE).bounding_box()
    assert box["width"] > 400
    assert box["x"] + box["width"] <= width


def test_what_goes_wrong_is_told_and_the_old_picture_is_gone(store, reader, tmp_path):
    copy = tmp_path / "copy.zarr"
    shutil.copytree(store, copy)
    with served(str(copy)) as found:
        reader.page.goto(f"{found.url}?picture=heat-map&quantity=nonsense")
        alert = reader.page.get_by_role("alert")
        alert.wait_for()
        assert "quantity=nonsense, which cannot be the quantity of heat-map here" in alert.inner_text()
        assert reader.page.locator(PICTURE).count() == 0
        opened(reader, found.url)
        assert reader.page.get_by_role("alert").count() == 0
        shutil.rmtree(copy)
        press(reader, 0, "Home")()
        alert.wait_for()
        assert "copy.zarr" in alert.inner_text()
        assert reader.page.locator(PICTURE).count() == 0
        assert reader.page.locator("h2").count() == 0
