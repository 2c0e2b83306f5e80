"""The studio as people meet it: a real server, a real worker, a real browser.

In one file, so that all these tests share one server and one browser.
"""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
import pytest
import skimage.data
from fixtures.browser import PASSWORD, Visit, cat, portrait, studio, visit
from fixtures.film import Film, film_of_two, make_film
from PIL import Image

from photochrom.web.languages import LANGUAGES

pytestmark = pytest.mark.hosts

__all__ = ["cat", "portrait", "studio", "visit"]

Open: TypeAlias = "Callable[..., Visit]"
SCREENS = ("phone", "desktop")
GOOD = {
    "Name": "Ada",
    "Email address": "ada@example.org",
    "Password": PASSWORD,
    "Password again": PASSWORD,
}
REFUSALS = (
    ({"Name": ""}, "Name", "Enter your name."),
    ({"Email address": ""}, "Email address", "Enter your email address."),
    ({"Email address": "ada at home"}, "Email address", "This is not a valid email address."),
    ({"Password": "", "Password again": ""}, "Password", "Enter a password."),
    ({"Password": "short", "Password again": "short"}, "Password", "Use at least 10 characters."),
    ({"Password again": "another one"}, "Password again", "The two passwords differ."),
)


@pytest.mark.parametrize("screen", SCREENS)
def test_a_photograph_from_signing_up_to_logging_out(
    screen: str, visit: Open, portrait: Path
) -> None:
    me = visit(screen)
    page = me.page
    me.go("/")
    page.get_by_role("link", name="Start now").click()
    me.sign_up()
    me.bring(portrait)
    assert page.get_by_role("heading", name="Aunt Eileen", exact=True).is_visible()
    assert page.get_by_role("img", name="Aunt Eileen in colour").is_visible()

    me.press("Correct a colour")
    me.touch(0.27, 0.62)
    suggested = page.locator("#suggested-swatches .swatch")
    suggested.first.wait_for()
    shares = [int(text.removesuffix(" %")) for text in suggested.all_inner_texts()]
    assert shares == sorted(shares, reverse=True)
    me.press("Orange")
    page.locator("#color[src^=blob], #color[src$='/2.jpg']").wait_for()  # or the result, if quicker
    me.press("Done")
    me.wait_saved()
    spots = page.locator("#hint-list li")
    assert spots.all_inner_texts() == ["Orange"]
    orange = screen_pixels(me)
    page.get_by_role("heading", name="How it was before").click()

    me.press("Undo")
    assert spots.count() == 0
    me.wait_saved()
    without = screen_pixels(me)
    me.press("Redo")
    assert spots.count() == 1
    me.wait_saved()
    before = page.locator(".past-list img[src$='/3.jpg']")
    before.scroll_into_view_if_needed()
    assert before.evaluate("image => image.decode().then(() => image.naturalWidth)") > 100
    assert page.locator(".past-list img").count() == 1
    assert re.match(r"\d+ \w+ 20\d\d at ", page.locator(".past-list time").inner_text())
    page.reload()
    assert spots.all_inner_texts() == ["Orange"]  # kept with the picture
    again = screen_pixels(me)
    np.testing.assert_array_equal(again, orange)

    me.press("Correct a colour")
    me.press("Draw with a brush")
    me.press("Blue")
    me.drag((0.2, 0.7), (0.35, 0.9))
    assert spots.all_inner_texts() == ["Orange", "Blue"]
    assert page.locator("#strokes polyline").count() == 2  # the line and its rim
    assert page.locator("#stage:not(.zoomed)").count() == 1
    me.wait_saved()
    page.reload()  # a line can be undone after it, too
    me.wait_colored()
    me.press("Undo")  # the line as a whole
    assert spots.all_inner_texts() == ["Orange"]
    me.wait_saved()

    assert orange.shape == (512, 512, 3)
    at_the_spot = (slice(310, 325), slice(132, 145))
    change = (orange - without)[at_the_spot].mean((0, 1))
    assert np.abs(change).max() > 5  # the suit is of some orange before, and of this one after
    red, green, blue = orange[at_the_spot].mean((0, 1))
    assert red > green > blue

    me.go("/account")
    me.press("Log out")
    me.go("/library")
    assert page.url.startswith(f"{me.studio}/log-in")
    assert me.complaints == []


def screen_pixels(me: Visit) -> np.ndarray:
    """What the download button hands out: (H, W, 3), as signed numbers to calculate with."""
    with me.page.expect_download() as started:
        me.page.get_by_role("link", name="Download", exact=True).click()
    assert started.value.suggested_filename == "Aunt Eileen.color.jpg"
    picture = Image.open(io.BytesIO(Path(started.value.path()).read_bytes()))
    assert picture.format == "JPEG"
    return np.asarray(picture.convert("RGB"), dtype=np.int16)


def test_a_refused_sign_up_says_why_at_the_field(visit: Open) -> None:
    me = visit("phone")
    me.go("/sign-up")
    for wrong, label, message in REFUSALS:
        me.fill({**GOOD, **wrong})
        me.page.locator("main").get_by_role("button", name="Sign up").click()
        field = me.page.get_by_label(label, exact=True)
        me.page.get_by_text(message, exact=True).wait_for()
        told_by = field.get_attribute("aria-describedby").split()
        output = [me.page.locator(f"#{name}").inner_text() for name in told_by]
        assert output[-1] == message
        assert field.get_attribute("aria-invalid") == "true"
        assert field.evaluate("field => field === document.activeElement")


def test_an_email_address_is_taken_only_once(visit: Open) -> None:
    first, second = visit("phone"), visit("phone")
    first.sign_up()
    second.go("/sign-up")
    second.fill({**GOOD, "Email address": first.email.upper()})
    second.page.locator("main").get_by_role("button", name="Sign up").click()
    second.page.get_by_text("This email address is already in use.").wait_for()


def test_a_password_can_be_looked_at(visit: Open) -> None:
    me = visit("phone")
    me.go("/log-in")
    me.fill({"Password": PASSWORD})
    me.press("Show")
    assert me.page.locator("#password").get_attribute("type") == "text"
    me.press("Hide")
    assert me.page.locator("#password").get_attribute("type") == "password"


def test_pictures_are_dropped_pasted_searched_and_deleted(
    visit: Open, portrait: Path, cat: Path
) -> None:
    me = visit("desktop")
    me.sign_up()
    files = me.page.evaluate_handle(MAKE_FILES, [list(p.read_bytes()) for p in (portrait, cat)])
    me.page.dispatch_event("body", "drop", {"dataTransfer": files})
    cards = me.page.locator("#grid > li")
    cards.nth(1).wait_for()
    me.page.locator(".badge-busy").first.wait_for(state="detached")
    me.page.locator(".badge-busy").first.wait_for(state="detached")
    me.page.evaluate(
        "data => dispatchEvent(new ClipboardEvent('paste', {clipboardData: data}))",
        me.page.evaluate_handle(MAKE_FILES, [list(cat.read_bytes())]),
    )
    me.page.wait_for_url("**/pictures/*")
    me.wait_colored()
    me.go("/library?q=zwei")
    assert cards.count() == 1
    cards.first.click()
    me.page.wait_for_url("**/pictures/*")  # and for its scripts, which ask before they delete
    me.page.get_by_role("heading", name="Name and delete").click()
    me.press("Delete")
    question = me.page.get_by_role("dialog")
    assert "cannot be brought back" in question.inner_text()
    question.get_by_role("button", name="Delete").click()
    me.page.get_by_text("The picture is deleted.").wait_for()
    assert cards.count() == 2
    assert me.complaints == []


MAKE_FILES = """files => {
  const data = new DataTransfer();
  files.forEach((bytes, at) => data.items.add(new File(
    [new Uint8Array(bytes)], ["eins.jpg", "zwei.png"][at], {type: "image/png"})));
  return data;
}"""


def test_colours_are_corrected_without_a_mouse(visit: Open, cat: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    me.bring(cat)
    keys = me.page.keyboard
    me.page.locator("#correct").focus()
    keys.press("Enter")
    stage = me.page.locator("#stage")
    stage.focus()
    keys.press("+")
    assert "zoomed" in stage.get_attribute("class")
    # Where colours are corrected, all of the picture is in colour.
    assert stage.evaluate("stage => stage.style.getPropertyValue('--cut')") == "0%"
    for key in ("ArrowLeft", "ArrowUp", "Enter"):
        keys.press(key)
    me.page.locator("#palette[open]").wait_for()
    assert me.page.evaluate("document.activeElement.textContent.trim()") == "Fair skin"
    keys.press("Tab")
    keys.press("Enter")
    keys.press("Escape")
    assert me.page.locator("#hint-list li").all_inner_texts() == ["Tan skin"]
    me.wait_saved()
    keys.press("Control+z")
    assert me.page.locator("#hint-list li").count() == 0
    split = me.page.locator("#split")
    me.page.locator("#correct").click()
    split.focus()
    keys.press("End")
    assert split.get_attribute("aria-valuenow") == "100"


def test_a_version_is_chosen_and_the_picture_shared(visit: Open, cat: Path) -> None:
    me, friend = visit("phone"), visit("desktop", reduced_motion="reduce")
    me.sign_up()
    me.bring(cat)
    me.page.get_by_role("heading", name="Other versions").click()
    versions = me.page.get_by_role("radio")
    versions.nth(3).click()
    assert versions.nth(3).get_attribute("aria-checked") == "true"
    me.wait_saved()
    me.page.evaluate("window.isSame = true")
    me.press("Make a link")
    link = me.page.get_by_label("Link to the picture").input_value()
    assert me.page.evaluate("document.activeElement.id") == "share-link"
    said = me.page.locator("#notes .note")
    said.wait_for()
    assert said.evaluate("line => line.getBoundingClientRect().bottom <= innerHeight")
    assert said.evaluate("line => line.getBoundingClientRect().top >= 0")
    friend.page.goto(link)
    for name in ("Chelsea in colour", "Chelsea in black and white"):
        picture = friend.page.get_by_role("img", name=name)
        assert picture.evaluate("image => image.decode().then(() => image.naturalWidth)") == 451
    friend.page.get_by_role("slider").focus()
    friend.page.keyboard.press("Home")
    assert friend.page.get_by_role("slider").get_attribute("aria-valuenow") == "0"
    assert problems(friend, "a link") == []
    me.press("Stop sharing")
    me.page.get_by_role("button", name="Make a link").wait_for()
    assert me.page.evaluate("window.isSame")  # the page, with its undo, is still there
    me.page.get_by_role("button", name="Make a link").wait_for()
    friend.page.reload()
    assert "This link has ended" in friend.page.locator("main").inner_text()


def test_undo_and_unsaved_changes_outlive_the_page_and_the_session(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.bring(cat)
    slider = me.page.get_by_label("Strength of the colours")
    slider.fill("0.5")
    me.wait_saved()
    me.page.reload()
    me.press("Undo")
    assert slider.input_value() == "1"
    me.wait_saved()
    address = me.page.url
    me.page.context.clear_cookies()
    slider.fill("1.5")
    me.page.locator("#status").get_by_role("link", name="Log in").click()
    me.fill({"Email address": me.email, "Password": PASSWORD})
    me.page.locator("main").get_by_role("button", name="Log in").click()
    me.page.wait_for_url(address)
    me.wait_saved()
    assert slider.input_value() == "1.5"
    me.press("Larger")
    for _ in range(3):
        me.press("Larger")
    me.page.locator("#close-color .part").wait_for(state="attached")
    assert me.complaints == []


def keep_working(page: Any) -> list[bool]:
    """Let a page take its picture for one that is being coloured, until the one item is False."""
    is_held = [True]

    def hold(route: Any) -> None:
        if is_held[0]:
            route.fulfill(json={"state": "working", "progress": 0, "revision": 2})
        else:
            route.continue_()

    page.route("**/events", lambda route: route.abort())
    page.route("**/state", hold)
    return is_held


def test_what_another_page_changed_is_shown_and_not_undone(visit: Open, cat: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    me.bring(cat)
    here, address = me.page, me.page.url
    is_held = keep_working(here)
    strength, warmth = "Strength of the colours", "Warmth"
    with here.expect_response("**/edit"):
        here.get_by_label(strength).fill("0.5")
    there = here.context.new_page()  # the same person, by another tab or on the phone
    there.goto(address)
    there.get_by_label(warmth).fill("4")
    there.get_by_text("All changes are saved.").wait_for()
    is_held[0] = False
    here.locator("#workbench[data-revision='3']").wait_for(state="attached")
    assert here.get_by_label(warmth).input_value() == "4"
    here.get_by_label(strength).fill("0.7")
    me.wait_saved()
    there.reload()
    assert there.get_by_label(warmth).input_value() == "4"
    assert there.get_by_label(strength).input_value() == "0.7"


def test_a_change_that_comes_while_the_studio_is_busy_is_saved_later(
    visit: Open, cat: Path
) -> None:
    me = visit("phone")
    me.sign_up()
    me.bring(cat)
    answers = iter([429, 503])

    def busy_at_first(route: Any) -> None:
        status = next(answers, None)
        if status is None:
            route.continue_()
        else:
            route.fulfill(status=status, json={"error": "busy"})

    me.page.route("**/edit", busy_at_first)
    me.page.get_by_label("Strength of the colours").fill("0.5")
    me.page.get_by_text("Not saved:").wait_for()
    me.wait_saved()


def test_the_other_button_of_the_mouse_asks_for_no_colour(visit: Open, cat: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    me.bring(cat)
    me.press("Correct a colour")
    me.page.locator("#stage").click(button="right", position={"x": 90, "y": 90})
    assert not me.page.locator("#palette[open]").count()
    me.touch(0.5, 0.5)
    me.page.locator("#palette[open]").wait_for()


def test_what_comes_while_others_are_sent_is_sent_too(
    visit: Open, portrait: Path, cat: Path
) -> None:
    me = visit("desktop")
    me.sign_up()
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    me.page.route("**/pictures", hold)
    me.page.get_by_label("Choose pictures").set_input_files(portrait)
    me.page.locator("#uploads li").wait_for()
    files = me.page.evaluate_handle(MAKE_FILES, [list(cat.read_bytes())])
    me.page.dispatch_event("body", "drop", {"dataTransfer": files})
    me.page.locator("#uploads li").nth(1).wait_for()
    while len(held) < 2:
        me.page.wait_for_timeout(50)
    for route in held:
        route.continue_()
    me.page.locator("#grid > li").nth(1).wait_for()
    assert me.complaints == []


def test_a_page_of_a_picture_that_is_no_longer_ones_own_says_so(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.bring(cat)
    is_held = keep_working(me.page)
    with me.page.expect_response("**/edit"):
        me.page.get_by_label("Strength of the colours").fill("0.5")
    me.page.context.clear_cookies()
    is_held[0] = False
    me.page.wait_for_url(re.compile(r"/log-in\?next="))


def test_the_enter_key_puts_pictures_into_the_album(visit: Open, cat: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    me.bring(cat)
    me.go("/library")
    me.press("Choose several")
    me.page.locator(".card").click()
    me.page.get_by_label("Name of an album").fill("Summer 1943")
    me.page.keyboard.press("Enter")
    me.page.get_by_role("heading", name="Summer 1943").wait_for()


def test_what_is_dragged_or_pasted_within_the_page_is_not_sent(visit: Open, cat: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    me.bring(cat)
    me.go("/library")
    sent: list[str] = []
    me.page.on("request", lambda request: sent.append(request.method))
    me.page.locator(".card img").drag_to(me.page.locator(".foot"))
    files = me.page.evaluate_handle(MAKE_FILES, [list(cat.read_bytes())])
    me.page.evaluate(
        "data => document.querySelector('#q').dispatchEvent("
        "new ClipboardEvent('paste', {clipboardData: data, bubbles: true}))",
        files,
    )
    me.page.wait_for_timeout(200)
    assert me.page.locator("#uploads li").count() == 0
    assert "POST" not in sent


def test_a_scratch_that_somebody_sees_is_mended(visit: Open, tmp_path: Path) -> None:
    pixels = np.asarray(Image.fromarray(skimage.data.chelsea()).convert("L")).copy()
    pixels[:, 380:383] = 255
    Image.fromarray(pixels).save(tmp_path / "scratched.png")
    me = visit("phone", reduced_motion="reduce")
    mend = me.page.get_by_role("switch", name="Mend it first")
    scratched = me.page.get_by_role("switch", name="It has scratches or specks")
    note = me.page.locator("#mend-note")
    me.sign_up()
    me.bring(tmp_path / "scratched.png")
    assert not scratched.is_visible()
    mend.click()
    note.get_by_text("No damage was found").wait_for()
    assert scratched.get_attribute("aria-checked") == "false"
    scratched.click()
    note.get_by_text("Found and mended: scratches").wait_for()
    assert problems(me, "a picture with scratches") == []
    me.press("Show what was changed")
    assert me.page.locator("#changes").is_visible()
    me.page.reload()
    assert scratched.get_attribute("aria-checked") == "true"
    assert "Found and mended: scratches" in note.inner_text()
    scratched.focus()
    me.page.keyboard.press("Control+z")
    assert scratched.get_attribute("aria-checked") == "false"
    me.page.keyboard.press("Control+z")
    assert not scratched.is_visible()
    assert me.page.evaluate("document.activeElement.id") == "mend"
    me.wait_saved()
    assert note.inner_text() == ""
    assert me.complaints == []


def test_of_several_files_each_says_what_became_of_it(
    visit: Open, cat: Path, tmp_path: Path
) -> None:
    me = visit("phone")
    me.sign_up()
    document, fake = tmp_path / "IMG_20260812_173455012_letter.doc", tmp_path / "fake.jpg"
    document.write_bytes(b"%PDF-1.4")
    fake.write_bytes(b"no picture at all")
    me.page.get_by_label("Choose pictures").set_input_files([cat, document, fake])
    lines = me.page.locator("#uploads li")
    me.page.get_by_role("link", name="Show the others").wait_for()
    texts = "\n".join(lines.all_inner_texts())
    assert "012_letter.doc: This is no picture or film that the studio takes." in texts
    assert me.page.evaluate(WIDE) <= 0
    assert "Chelsea.png is here." in texts
    assert "“fake.jpg” is not a picture or film" in texts
    assert lines.locator("img").count() == 1  # none for what cannot be shown
    me.page.get_by_role("link", name="Show the others").click()
    me.page.wait_for_url("**/library")
    assert me.page.locator("#grid > li").count() == 1


def test_progress_comes_through_where_events_do_not(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.page.route("**/events", lambda route: route.abort())
    me.bring(cat)
    assert me.page.locator("#status").inner_text() == "Your picture is in colour."


def test_a_film_page_says_when_the_connection_is_back(visit: Open, tmp_path: Path) -> None:
    me = visit("phone")
    me.sign_up()
    # Long enough to be still at work while it is looked at.
    film = make_film(tmp_path / "film.mkv", Film(frames=600))
    me.page.route("**/events", lambda route: route.abort())
    here = [True]

    def record(route: Any) -> None:
        if here[0]:
            route.fulfill(json={"state": "working", "progress": 0.234, "revision": 1})
        else:
            route.abort()

    me.page.route("**/state", record)
    me.page.get_by_label("Choose pictures").set_input_files(film)
    me.page.wait_for_url("**/pictures/*")
    status = me.page.locator("#status")
    for _ in range(2):
        status.get_by_text("23 % done").wait_for()
        here[0] = False
        status.get_by_text("There is no connection to the studio.").wait_for()
        here[0] = True
    status.get_by_text("23 % done").wait_for()
    me.page.get_by_role("heading", name="Name and delete").click()
    me.press("Delete")
    me.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    me.page.get_by_text("The picture is deleted.").wait_for()


def test_a_film_is_coloured_again_with_other_strength(visit: Open, tmp_path: Path) -> None:
    me = visit("phone", reduced_motion="reduce")
    me.sign_up()
    film = make_film(tmp_path / "film.mkv", Film(frames=6))
    me.page.get_by_label("Choose pictures").set_input_files(film)
    me.page.wait_for_url("**/pictures/*")
    slider = me.page.get_by_label("Strength of the colours")
    slider.wait_for(timeout=120_000)  # it is done
    assert me.page.get_by_role("button", name="Colour again").is_disabled()
    slider.fill("0.5")
    assert problems(me, "a film") == []
    me.press("Colour again")
    me.page.locator("#film[data-done-revision='2']").wait_for(timeout=120_000)
    assert slider.input_value() == "0.5"
    assert me.complaints == []


def test_what_the_studio_does_not_take_is_not_even_sent(visit: Open, tmp_path: Path) -> None:
    me = visit("desktop")
    me.sign_up()
    sent: list[str] = []
    me.page.on("request", lambda request: sent.append(request.method))
    for name in ("scan.tga", "letter.docx"):
        path = tmp_path / name
        path.write_bytes(b"no picture that is known here")
        me.go("/library")
        me.page.get_by_label("Choose pictures").set_input_files(path)
        me.page.get_by_text("These files are no pictures or films.").wait_for()
        assert "POST" not in sent
    path = tmp_path / "SCAN.WMV"
    path.write_bytes(b"no film, as only the studio can tell")
    me.page.get_by_label("Choose pictures").set_input_files(path)
    me.page.get_by_role("alert").get_by_text("SCAN.WMV").wait_for()
    assert "POST" in sent


# Not by wait_for_function: it calls `eval` in the page at its second look, which our CSP refuses.
CONTROLLED = """() => new Promise(done => {
  const { serviceWorker } = navigator;
  if (serviceWorker.controller) done();
  else serviceWorker.addEventListener("controllerchange", () => done(), { once: true });
})"""


KEPT_IN = """async language => {
  for (;;) {
    const kept = await caches.match("/offline");
    if (kept?.headers.get("Content-Language") === language) return;
    await new Promise(done => setTimeout(done, 50));
  }
}"""


def test_without_a_connection_there_is_a_page_of_ours(visit: Open) -> None:
    me = visit("phone")
    me.go("/")
    me.page.evaluate(CONTROLLED)
    me.page.context.set_offline(True)
    me.go("/library")
    assert me.page.get_by_role("heading").inner_text() == "There is no connection"
    ink = me.page.get_by_role("heading").evaluate("h => getComputedStyle(h).fontFamily")
    assert "Fraunces" in ink  # the styles are there too
    me.page.context.set_offline(False)
    me.press("Try again")
    me.page.get_by_role("heading", name="Log in").wait_for()
    me.page.locator(".languages > summary").click()
    me.page.locator(".languages button[value=it]").click()
    me.page.locator("html[lang=it]").wait_for(state="attached")
    me.page.evaluate(KEPT_IN, "it")
    me.page.context.set_offline(True)
    me.go("/library")
    assert me.page.locator("html").get_attribute("lang") == "it"


def test_another_app_shares_a_picture_with_the_studio(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.page.evaluate(CONTROLLED)
    me.page.evaluate(SHARE, list(cat.read_bytes()))
    me.page.wait_for_url("**/pictures/*")
    me.wait_colored()
    assert me.page.get_by_role("heading", name="Großmutter").is_visible()


def test_pictures_that_were_shared_before_wait_too(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.page.evaluate(CONTROLLED)
    me.page.context.clear_cookies()
    for _ in range(2):  # the second one before anybody has logged in for the first
        me.page.evaluate(SHARE, list(cat.read_bytes()))
        me.page.wait_for_url(re.compile(r"/log-in\?next="))
        me.page.wait_for_load_state()
    me.fill({"Email address": me.email, "Password": PASSWORD})
    me.page.locator("main").get_by_role("button", name="Log in").click()
    me.page.locator("#grid > li").nth(1).wait_for()


def test_what_a_phone_without_space_cannot_keep_of_a_share_is_told(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.page.evaluate(CONTROLLED)
    (worker,) = me.page.context.service_workers
    worker.evaluate("() => { Cache.prototype.put = () => Promise.reject(Error('no space')); }")
    me.page.evaluate(SHARE, list(cat.read_bytes()))
    me.page.get_by_text("This device has no space to keep all that was shared.").wait_for()
    assert me.page.url.endswith("/library")
    me.bring(cat)


def test_an_upload_that_somebody_else_answers_or_no_storage_notes_comes_to_its_end(
    visit: Open, cat: Path, tmp_path: Path
) -> None:
    me = visit("phone")
    full = "Storage.prototype.setItem = () => { throw new DOMException('full', 'QuotaExceeded'); };"
    me.page.add_init_script(full)
    me.sign_up()
    me.page.route("**/pictures", lambda route: route.fulfill(body="<h1>Pay for your network</h1>"))
    me.page.get_by_label("Choose pictures").set_input_files(cat)
    me.page.get_by_text("Chelsea.png: This picture could not be coloured.").wait_for()
    assert me.page.evaluate("dispatchEvent(new Event('beforeunload', { cancelable: true }))")

    large, headers = tmp_path / "large.png", {"Upload-Offset": "9000000", "Upload-Pictures": "a,b"}
    large.write_bytes(b"\0" * 9_000_000)
    place = {"Location": "/uploads/large"}
    me.page.route("**/uploads", lambda route: route.fulfill(status=201, headers=place))
    me.page.route("**/uploads/large", lambda route: route.fulfill(status=204, headers=headers))
    me.page.get_by_label("Choose pictures").set_input_files(large)
    me.page.wait_for_url("**/library")
    assert me.complaints == []


def test_nothing_moves_below_a_finger_and_tools_say_what_is_so(visit: Open, cat: Path) -> None:
    me = visit("phone")
    held: list[Any] = []

    def hold(route: Any) -> None:
        held.append(route)

    me.sign_up()
    me.bring(cat)
    me.press("Correct a colour")
    me.page.route("**/suggestions", hold)
    me.touch(0.5, 0.5)
    me.page.locator("#suggested").wait_for()
    height = me.page.locator("#suggested").bounding_box()["height"]
    while not held:
        me.page.wait_for_timeout(50)
    held[0].continue_()
    likely = me.page.locator("#suggested-swatches button")
    likely.first.wait_for()
    assert me.page.locator("#suggested").bounding_box()["height"] == height  # nothing moves
    likely.first.click()
    me.press("Done")
    me.wait_saved()
    me.press("Show where it would help most")
    me.page.locator("#status", has_text="would help most").wait_for()
    me.press("Correct a colour")
    assert me.page.locator("#status").inner_text() == ""


def test_a_pipette_without_its_picture_says_so(visit: Open, cat: Path) -> None:
    me = visit("phone")
    me.sign_up()
    me.bring(cat)
    me.press("Correct a colour")
    me.touch(0.5, 0.5)
    me.page.route("**/gone.jpg", lambda route: route.abort())
    me.page.evaluate("document.querySelector('#color').src = '/gone.jpg'")
    me.page.locator("#palette-pipette").click()
    me.page.locator("#status .bad").wait_for()
    assert not me.page.locator("#pipette[open]").count()


SHARE = """bytes => {
  const data = new DataTransfer(), form = document.createElement("form");
  const input = document.createElement("input");
  data.items.add(new File([new Uint8Array(bytes)], "Großmutter.png", {type: "image/png"}));
  Object.assign(form, {method: "post", action: "/share-target", enctype: "multipart/form-data"});
  Object.assign(input, {type: "file", name: "file", files: data.files});
  form.append(input);
  document.body.append(form);
  form.submit();
}"""


def test_a_phone_can_install_the_studio(visit: Open) -> None:
    me = visit("phone")
    me.go("/")
    address = me.page.locator("link[rel=manifest]").get_attribute("href")
    manifest = me.page.request.get(me.studio + address).json()
    assert manifest["display"] == "standalone"
    for icon in manifest["icons"]:
        file = me.page.request.get(me.studio + icon["src"])
        width, height = Image.open(io.BytesIO(file.body())).size
        assert f"{width}x{height}" == icon["sizes"]


@pytest.mark.parametrize("screen", SCREENS)
def test_a_film_is_corrected_shot_by_shot(screen: str, visit: Open, tmp_path: Path) -> None:
    me = visit(screen, reduced_motion="reduce")
    page = me.page
    me.sign_up()
    page.get_by_label("Choose pictures").set_input_files(film_of_two(tmp_path / "film.mp4"))
    page.wait_for_url("**/pictures/*")
    film_address = page.url
    second = page.get_by_role("button", name="Shot 2 0:01")
    second.wait_for(timeout=60_000)
    assert problems(me, "a film") == []
    second.focus()
    page.keyboard.press("Enter")
    page.wait_for_url(lambda address: address != film_address)
    me.wait_colored()
    assert page.get_by_role("heading", name="A shot of a film").is_visible()
    assert page.get_by_role("heading", name="film, shot 2").is_visible()
    me.press("Correct a colour")
    me.touch(0.5, 0.6)
    page.get_by_role("dialog").get_by_role("button", name="Red", exact=True).click()
    page.get_by_role("dialog").get_by_role("button", name="Done").click()
    me.wait_saved()
    page.reload()
    me.wait_colored()
    assert page.locator("#hint-list li").count() == 1
    page.get_by_role("main").get_by_role("link", name="Back to the film").last.click()
    page.get_by_role("button", name="Shot 2 0:01 corrected").wait_for()
    assert problems(me, "a film") == []
    me.press("Colour the film with the corrected shots")
    page.get_by_role("button", name="Shot 2 0:01 corrected").wait_for(timeout=60_000)
    me.go("/library")
    assert page.locator(".card").count() == 1
    assert me.complaints == []


AXE = (Path(__file__).parents[1] / "fixtures" / "axe" / "axe.min.js").read_text(encoding="utf-8")
STRANGERS = ("/", "/sign-up", "/try", "/log-in", "/reset", "/offline", "/no-such-page")

RULES = {
    "light": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"],
    "dark": ["color-contrast"],  # the others ask for nothing that a colour changes
}

FIND = """async rules => {
  const { violations } = await axe.run(document, { resultTypes: ["violations"], runOnly: rules });
  return violations
    .filter(v => ["serious", "critical"].includes(v.impact))
    .map(v => `${v.id}: ${v.nodes.map(n => `${n.html} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
}"""

SMALL = """() => [...document.querySelectorAll(
    "button, summary, .button, input:not([type=hidden], [type=range], .file-input), nav a")]
  .filter(e => e.checkVisibility({ visibilityProperty: true }))
  .map(e => [e.outerHTML.slice(0, 90), e.getBoundingClientRect()])
  .filter(([, box]) => box.width && (box.height < 43.5 || box.width < 43.5))
  .map(([html, box]) => `${html} is ${box.width} x ${box.height}`)"""

SETTLED = "() => new Promise(done => requestAnimationFrame(() => requestAnimationFrame(done)))"

WIDE = "() => document.documentElement.scrollWidth - document.documentElement.clientWidth"


def problems(me: Visit, where: str) -> list[str]:
    """What is wrong with the page as it is shown now."""
    me.page.evaluate(AXE)
    found = me.page.evaluate(SMALL)
    for scheme in ("dark", "light"):
        me.page.emulate_media(color_scheme=scheme)
        me.page.evaluate(SETTLED)
        found += [f"{scheme}: {what}" for what in me.page.evaluate(FIND, RULES[scheme])]
    if me.page.evaluate(WIDE) > 0:
        found.append("the page can be pushed sideways")
    return [f"{where}: {what}" for what in found]


def test_every_page_can_be_used_by_everybody(visit: Open, cat: Path) -> None:
    me = visit("phone", reduced_motion="reduce")
    found = []
    for path in STRANGERS:
        me.go(path)
        found += problems(me, path)
    me.go("/sign-up")
    me.page.locator("main").get_by_role("button", name="Sign up").click()
    me.page.get_by_text("Enter your name.").wait_for()
    found += problems(me, "a refused sign-up")
    me.sign_up()
    found += problems(me, "an empty library")
    me.bring(cat)
    found += problems(me, "a picture")
    me.press("Make a link")
    me.page.get_by_label("Link to the picture").wait_for()
    link = me.page.get_by_label("Link to the picture").input_value()
    me.page.get_by_role("heading", name="Other versions").click()
    me.page.get_by_role("radio").first.wait_for()
    me.page.get_by_text("Another format or size").click()
    me.page.get_by_role("heading", name="Name and delete").click()
    me.press("Delete")
    found += problems(me, "all that can be done to a picture, and the question before deleting")
    me.go("/library")
    found += problems(me, "a library")
    me.press("Choose several")
    me.page.locator(".card").click()
    found += problems(me, "a library in which pictures are chosen")
    me.page.get_by_label("Name of an album").fill("Summer 1943")
    me.press("Put into the album")
    me.page.get_by_role("heading", name="Summer 1943").wait_for()
    found += problems(me, "an album")
    me.go("/account/second-factor")
    found += problems(me, "a second factor")
    me.go("/account")
    me.fill({"What is it for?": "my own script"})
    me.press("Make a token")
    me.page.get_by_text("my own script").first.wait_for()
    found += problems(me, "the account")
    me.page.goto(link)
    found += problems(me, "a shared picture")
    assert found == []


@pytest.mark.parametrize("screen", SCREENS)
def test_the_palette_can_be_used_by_everybody(screen: str, visit: Open, cat: Path) -> None:
    me = visit(screen, reduced_motion="reduce")
    me.sign_up()
    me.bring(cat)
    me.press("Correct a colour")
    me.touch(0.4, 0.4)
    me.press("Sky blue")
    found = problems(me, "the palette")
    me.go("/library")
    found += problems(me, "a library")
    assert found == []


@pytest.mark.parametrize("code", [code for code in LANGUAGES if code != "en"])
def test_every_page_fits_a_phone_in_every_language(code: str, visit: Open, cat: Path) -> None:
    me = visit("phone", locale=code, reduced_motion="reduce")
    found = []
    for path in ("/", "/log-in", "/sign-up", "/reset"):
        me.go(path)
        found += problems(me, path)
    me.go("/sign-up")
    fields = {"name": "Ada", "email": me.email, "password": PASSWORD, "again": PASSWORD}
    for name, text in fields.items():
        me.page.locator(f"#{name}").fill(text)
    me.page.locator("main button[type=submit]").click()
    me.page.locator("#choose").set_input_files(cat)
    me.page.wait_for_url("**/pictures/*")
    me.wait_colored()
    found += problems(me, "a picture")
    assert me.page.evaluate("[document.documentElement.lang, document.dir]") == [
        code,
        LANGUAGES[code].direction,
    ]
    for path in ("/library", "/colors", "/account", "/account/second-factor", "/people", "/faces"):
        me.go(path)
        me.page.locator(".languages > summary").click()
        found += problems(me, path)
    assert found == []
    assert me.complaints == []


@pytest.mark.parametrize("screen", SCREENS)
def test_colors_are_given_to_areas_and_taken_from_other_pictures(
    screen: str, visit: Open, portrait: Path, cat: Path, tmp_path: Path
) -> None:
    me = visit(screen, reduced_motion="reduce")
    page, found = me.page, []
    status, spots = page.locator("#status"), page.locator("#hint-list li")
    me.sign_up()
    me.bring(cat)
    me.go("/library")
    me.bring(portrait)

    me.press("Show where it would help most")
    tips = page.locator(".tip-marker")
    tips.first.wait_for()
    assert "marked where a colour would help most" in status.inner_text()
    tips.first.focus()
    page.keyboard.press("Enter")
    me.press("Sand")
    assert spots.all_inner_texts() == ["Sand"]
    me.press("Done")
    me.press("Show where it would help most")
    tips.first.wait_for(state="detached")

    me.press("Choose an area")
    me.touch(0.27, 0.62)
    page.get_by_text("of the picture is chosen").wait_for()
    outline = page.locator("#area path").first.get_attribute("d")
    me.press("Choose more")
    me.press("Blue")
    assert spots.all_inner_texts() == ["Sand", "Blue"]
    assert page.locator(".hint-marker.of-area").count() == 1
    page.wait_for_function(
        "d => document.querySelector('#area path').getAttribute('d') !== d", arg=outline
    )
    found += problems(me, "an area")

    me.press("Pipette: take a colour from a picture")
    page.locator("#pipette-color:not(:empty)").wait_for(state="attached")
    found += problems(me, "the pipette")
    page.locator("#pipette-canvas").focus()
    before = page.locator("#pipette-color").inner_text()
    for _ in range(12):
        page.keyboard.press("ArrowUp")
    assert page.locator("#pipette-color").inner_text() != before
    me.press("Another picture")
    page.get_by_role("button", name="Choose Chelsea").wait_for()
    assert page.locator("#chooser-grid button").count() == 1  # not this one
    green = tmp_path / "green.png"
    Image.new("RGB", (64, 48), "#40a060").save(green)
    page.locator("#chooser-file").set_input_files(green)
    page.locator("#pipette-color", has_text="#40a060").wait_for(state="attached")
    assert page.locator("#reference").is_hidden()
    me.press("Use this colour")
    color = spots.nth(1).inner_text()
    assert color == "#40a060"

    me.press("Save this colour for other pictures")
    page.locator("#save-color-name").fill("Aunt Eileen's overall")
    found += problems(me, "a name for a colour")
    me.press("Save")
    page.locator("#save-color[open]").wait_for(state="detached")
    me.press("Done")
    page.locator("#download:not([aria-disabled])").wait_for()

    me.press("Choose a picture in colour")
    page.get_by_role("button", name="Choose Chelsea").wait_for()
    found += problems(me, "which picture")
    same = tmp_path / "the same.jpg"
    Image.fromarray(skimage.data.astronaut()[:440, 40:]).save(same)
    page.locator("#chooser-file").set_input_files(same)
    note = page.locator("#reference-note")
    note.get_by_text("have its colours").wait_for()
    found += problems(me, "a reference")
    page.reload()
    note.get_by_text("have its colours").wait_for()
    me.press("Without it")
    page.locator("#reference").wait_for(state="hidden")
    me.press("Undo")
    note.get_by_text("have its colours").wait_for()

    grey = tmp_path / "once more.png"  # of a picture that keeps its own colours nothing is asked
    Image.fromarray(skimage.data.astronaut()[:440, 40:]).convert("L").save(grey)
    me.go("/library")
    me.bring(grey)
    place = page.locator("#found-title ~ .found-list .found")
    for _ in range(40):  # the worker looks through the pictures, the last one first
        me.go("/colors")
        if place.count():
            break
        page.wait_for_timeout(250)
    found += problems(me, "saved colours")
    place.first.get_by_role("link").click()
    me.press("Yes, this is: Aunt Eileen's overall")
    spots.get_by_text(color).wait_for()
    assert spots.all_inner_texts() == [color]
    assert me.complaints == []
    assert found == []
