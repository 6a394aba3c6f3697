"""The browser, driven by its keys as on a terminal."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import pytest

from weighbridge.explore.app import ExploreApp, HelpScreen
from weighbridge.explore.listing import Listing, line_of
from weighbridge.explore.subject import BrowsedImage
from weighbridge.explore.table import Column

_WIDTH = 100


def screens_after(
    subject: BrowsedImage, *stages: Sequence[str], size: tuple[int, int] = (_WIDTH, 30)
) -> list[list[str]]:
    """The lines of the screen after the keys of each stage."""

    async def drive() -> list[list[str]]:
        app, found = ExploreApp(subject), []
        async with app.run_test(size=size) as pilot:
            for keys in stages:
                await pilot.press(*keys)
                await pilot.pause()
                while app.is_search_pending:
                    await pilot.pause(0.02)
                await pilot.pause()  # the list tells the lines below it about its new rows
                strips = app.screen._compositor.render_strips()
                found.append(["".join(segment.text for segment in strip).rstrip() for strip in strips])
        return found

    return asyncio.run(drive())


def screen_after(subject: BrowsedImage, *keys: str, size: tuple[int, int] = (_WIDTH, 30)) -> list[str]:
    """The lines of the screen after `keys`."""
    return screens_after(subject, keys, size=size)[0]


def has(screen: list[str], *parts: str) -> bool:
    """True where one line has all of `parts`."""
    return any(all(part in line for part in parts) for line in screen)


def test_first_screen_has_sizes_and_largest_folders(one_image: BrowsedImage) -> None:
    screen = screen_after(one_image)
    assert has(screen, "shop", "8.4 kB image", "8.1 kB files", "350 B wasted")
    assert has(screen, "5.0 kB", "▸ opt/")
    assert has(screen, "by layer: layer 1 5.1 kB, layer 0 2.1 kB, layer 2 910 B")


def test_right_opens_and_left_closes_folder(one_image: BrowsedImage) -> None:
    opened, closed, parent = screens_after(one_image, ["down", "right"], ["left"], ["right", "down", "left", "enter"])
    assert has(opened, "▸ tool/")
    assert not has(closed, "▸ tool/")
    assert has(parent, "▸ opt/")


def test_search_jump_to_layer_line_and_back(one_image: BrowsedImage) -> None:
    found, layer, line, back, in_tree = screens_after(
        one_image, ["slash", *"main", "enter"], ["l"], ["b", "d"], ["b"], ["f"]
    )
    assert has(found, "1 file, 900 B", "containing “main”")
    assert has(layer, "RUN step 2 (Dockerfile:3)")
    assert has(line, "created layer 2")
    assert has(back, "containing “main”")
    assert has(in_tree, "▾ app/")


def test_longer_search_narrows_and_shorter_one_widens(one_image: BrowsedImage) -> None:
    narrow, wide = screens_after(one_image, ["slash", *"main"], ["backspace", "backspace", "backspace"])
    assert has(narrow, "1 file, 900 B", "containing “main”")
    assert has(wide, "containing “m”")
    assert not has(wide, "1 file, 900 B")


def test_escape_ends_search(one_image: BrowsedImage) -> None:
    found, ended = screens_after(one_image, ["slash", *"main"], ["escape"])
    assert has(found, "containing “main”")
    assert has(ended, "6 files", "sorted by size")


def test_enter_lists_files_of_layer(one_image: BrowsedImage) -> None:
    assert has(screen_after(one_image, "2", "down", "enter"), "2 files", "of layer 1")


def test_enter_on_waste_selects_path(one_image: BrowsedImage) -> None:
    assert has(screen_after(one_image, "4", "enter"), "✗", "doc.txt")


def test_jump_without_target_shows_reason(one_image: BrowsedImage, two_images: BrowsedImage) -> None:
    assert has(screen_after(one_image, "l"), "This row has no layer.")
    assert has(screen_after(one_image, "p"), "No package owns this row.")
    assert has(screen_after(two_images, "d"), "Pass it with --dockerfile FILE.")


def test_comparison_opens_with_largest_change(two_images: BrowsedImage) -> None:
    screen = screen_after(two_images)
    assert has(screen, "old → new", "1.4 kB → 968 B image (−480 B)")
    assert has(screen, "−800 B", "▼", "opt/")


def test_changed_key_lists_differing_files_from_any_tab(two_images: BrowsedImage) -> None:
    assert has(screen_after(two_images, "2", "c"), "6 files", "that differ")


def test_hostile_name_is_text_on_screen(one_image: BrowsedImage) -> None:
    screen = screen_after(one_image, "slash", *"evil", "enter")
    assert has(screen, "/app/[bold]evil␛[31m␊name")
    assert all(line.isprintable() for line in screen)


def test_every_tab_draws_every_order(one_image: BrowsedImage, two_images: BrowsedImage) -> None:
    keys = [each for key in [*"1234567", "end", "home"] for each in (key, "s")]
    for subject in (one_image, two_images):
        assert all(has(screen, "sorted by") for screen in screens_after(subject, *([key] for key in keys)))


def test_empty_search_result_draws(one_image: BrowsedImage) -> None:
    assert has(screen_after(one_image, "slash", *"zzz", "enter", "enter", "right", "left", "l", "f"), "has no layer")


def test_narrow_terminal_draws(two_images: BrowsedImage) -> None:
    screen = screen_after(two_images, "c", size=(46, 14))
    assert has(screen, "−800 B", "▼ /opt/tool")
    assert not has(screen, "Wasted")


def test_help_opens_and_any_key_closes_it(one_image: BrowsedImage) -> None:
    shown, closed, again, escaped = screens_after(one_image, ["question_mark"], ["x"], ["question_mark"], ["escape"])
    assert has(shown, "close it, or go to its parent")
    assert not has(closed, "go to its parent")
    assert again == shown
    assert escaped == closed


def test_last_line_names_keys_and_click_acts_as_key(one_image: BrowsedImage) -> None:
    screen = screen_after(one_image, size=(80, 24))
    assert screen[-1].startswith(" / Search  ? Help  q Quit  s Sort")

    async def click() -> bool:
        app = ExploreApp(one_image)
        async with app.run_test(size=(80, 24)) as pilot:
            await pilot.click("#keys", offset=(screen[-1].index("Help"), 0))
            await pilot.pause()
            return isinstance(app.screen, HelpScreen)

    assert asyncio.run(click())


def test_click_moves_and_second_click_opens(one_image: BrowsedImage) -> None:
    async def drive() -> tuple[int, int]:
        async with (app := ExploreApp(one_image)).run_test(size=(_WIDTH, 30)) as pilot:
            await pilot.click(Listing, offset=(5, 1))
            first = app.query_one(Listing).cursor
            await pilot.click(Listing, offset=(5, 1))
            await pilot.pause()
            return first, len(app._table)

    assert asyncio.run(drive()) == (1, 7)


@pytest.mark.parametrize(
    ("text", "keeps_end", "expected"),
    [
        ("abcdefgh", False, "abcd…"),
        ("/usr/lib/x", True, "/u…/x"),
        ("漢字漢字", False, "漢字…"),
        ("abc", False, "abc  "),
    ],
)
def test_line_of_cuts_to_width(text: str, keeps_end: bool, expected: str) -> None:
    assert line_of((Column(title="x", keeps_end=keeps_end),), (text,), 5) == expected


def test_many_rows_are_drawn_only_on_screen(one_image: BrowsedImage) -> None:
    drawn: list[int] = []

    async def drive() -> None:
        async with (app := ExploreApp(one_image)).run_test(size=(_WIDTH, 30)) as pilot:
            table = app._files
            table._nodes, table._depths = [0] * 100_000, [0] * 100_000
            row = table.row
            table.row = lambda position: (drawn.append(position), row(position))[1]  # type: ignore[method-assign]
            app.query_one(Listing).show(table, 0)
            await pilot.press("end")
            await pilot.pause()

    asyncio.run(drive())
    assert 99_999 in drawn
    assert len(set(drawn)) < 100


def test_same_search_in_another_tab_is_shown(one_image: BrowsedImage) -> None:
    files, layers = screens_after(one_image, ["slash", *"main", "enter"], ["2", "slash", *"main", "enter"])
    assert has(files, "containing “main”")
    assert has(layers, "containing “main”")
