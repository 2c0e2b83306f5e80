"""A walk through every page of the studio on a phone, in each language.

`make test-hosts` walks all ten and fails where axe finds something, where a page is wider than the
phone, where words are cut off, or broken between two letters, or where they are still English. With
PHOTOCHROM_WALK set to a folder it leaves a picture of each page there, to be looked at. English
words, for which no browser is needed, are looked for in CI too.
"""

from __future__ import annotations

import gettext
import os
import re
from collections.abc import Iterator
from functools import cache
from html.parser import HTMLParser
from pathlib import Path
from typing import Any, Final, NamedTuple

import numpy as np
import pyotp
import pytest
import skimage.data
from fixtures.browser import PASSWORD, run_studio
from fixtures.chromium import SCREENS
from fixtures.film import film_of_two
from fixtures.studio import jpeg, upload_picture
from fixtures.web import MakeApp, send
from numpy.typing import NDArray
from PIL import Image

from photochrom.web import create_app, i18n
from photochrom.web.accounts import admin, service
from photochrom.web.database import Login, Picture, User, db
from photochrom.web.languages import LANGUAGES
from photochrom.web.pictures.share_links import create_album_link
from photochrom.web.settings import WebSettings

PATIENCE_MS: Final = 240_000
"""A film and five photographs are coloured meanwhile."""
ADA, EVE, ZOE = "ada@example.org", "eve@example.org", "zoe@example.org"
NAMES: Final = frozenset(
    {"Ada", "Eve", "Zoe", ADA, EVE, ZOE, "Photochrom", "Aunt Eileen", "Chelsea", "Coffee", "Reel",
     "Summer 1943", "Eileen's overall", "my own script", "JPEG", "PNG", "WebP", "TIFF",
     *(language.name for language in LANGUAGES.values())}
)  # fmt: skip
"""What is called so in every language."""

AXE = (Path(__file__).parents[1] / "fixtures" / "axe" / "axe.min.js").read_text(encoding="utf-8")
FIND = """async () => {
  const runOnly = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"];
  const { violations } = await axe.run(document, { resultTypes: ["violations"], runOnly });
  return violations.map(v =>
    `${v.id}: ${v.nodes.map(n => `${n.html} ${n.any[0]?.message ?? ""}`).join(" | ")}`);
}"""
CUT = """() => {
  const found = [], wide = document.documentElement.clientWidth;
  if (document.documentElement.scrollWidth > wide || innerWidth > screen.width) found.push("the page can be pushed sideways");
  const pen = document.createElement("canvas").getContext("2d");
  const scrolls = e => e && (["auto", "scroll"].includes(getComputedStyle(e).overflowX) || scrolls(e.parentElement));
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility({ visibilityProperty: true }) || e.closest(".sr, svg, .skip")) continue;
    const style = getComputedStyle(e);
    if (e.placeholder && !e.value) {
      pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
      const room = e.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
      const needs = pen.measureText(e.placeholder).width;
      if (needs > room + 1) found.push(`cut off: ${e.placeholder} needs ${needs} of ${room}`);
    }
    if (![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const range = document.createRange();
    range.selectNodeContents(e);
    const box = range.getBoundingClientRect();
    const isOut = box.left < -0.5 || box.right > wide + 0.5;
    const isHidden = style.overflowX !== "visible" && e.scrollWidth > e.clientWidth + 1;
    if ((isOut || isHidden) && box.width && e.clientWidth !== 1 && !scrolls(e)) found.push(`cut off: ${e.textContent.trim()}`);
    if (["ja", "zh"].includes(document.documentElement.lang.slice(0, 2)) || style.clipPath !== "none" || e.closest("bdi, code")) continue;
    for (const node of [...e.childNodes].filter(n => n.nodeType === 3))
      for (const word of node.data.matchAll(/[\\p{L}\\u00ad]{2,24}/gu)) {
        if (word[0].includes("\\u00ad")) continue;
        range.setStart(node, word.index);
        range.setEnd(node, word.index + word[0].length);
        const lines = [...range.getClientRects()].filter(box => box.width).map(box => Math.round(box.top));
        if (new Set(lines).size > 1) found.push(`broken: ${word[0]}`);
      }
  }
  return found;
}"""  # noqa: E501
OPEN = "document.querySelectorAll('main details').forEach(one => one.open = true)"
PAINTED = "[...document.querySelectorAll('.variant img')].every(one => one.naturalWidth)"
WORDS = """() => {
  const words = new Set([document.title]);
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const parent = walker.currentNode.parentElement;
    if (!parent.closest("script, style, noscript, bdi, code")) words.add(walker.currentNode.data);
  }
  for (const e of document.querySelectorAll("*"))
    for (const name of ["aria-label", "alt", "placeholder", "title", "aria-roledescription"])
      if (e.getAttribute(name)) words.add(e.getAttribute(name));
  return [...words];
}"""


PLACEHOLDER: Final = re.compile(r"%\\\(\w+\\\)s|\\\{\w+\\\}")
"""As `re.escape` has it."""


@cache
def english_texts(code: str) -> tuple[frozenset[str], re.Pattern[str]]:
    """The studio's texts that have other words in a language, and a pattern of those with gaps."""
    catalog = gettext.translation("studio", Path(i18n.__file__).parent / "translations", [code])
    texts = {text for text in vars(catalog)["_catalog"] if isinstance(text, str)}
    texts = {text for text in texts if text and catalog.gettext(text) != text} - NAMES
    gaps = [PLACEHOLDER.sub(".+", re.escape(text)) for text in texts]
    gaps = [gap for gap in gaps if re.search("[a-z]{3}.*[a-z]{3}", gap) and ".+" in gap]
    return frozenset(texts), re.compile("|".join(gaps))


def english_words(words: set[str], code: str) -> list[str]:
    """Those that a page in this language should have in other words."""
    texts, gaps = english_texts(code)
    words = {" ".join(text.split()) for text in words}
    return sorted(word for word in words if word in texts or gaps.fullmatch(word))


class Content(NamedTuple):
    """What there is to see in the studio of the walk: addresses."""

    studio: str
    photo: str
    cat: str
    colored: str
    failed: str
    film: str
    still: str
    album: str
    links: tuple[str, ...]
    """For strangers: shared things, and pages that a link leads to."""
    new_address: str
    other_user: str
    app: Any


def settings_of(folder: Path) -> dict[str, Any]:
    return {
        "data_dir": folder / "data",
        "sign_up": "invite",
        "confirm_email": True,
        "mail_url": "smtp://127.0.0.1:9",
        "public_url": "http://127.0.0.1",
    }


@pytest.fixture(scope="module")
def content(chromium: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Content]:
    """A studio in which there is something on every page."""
    folder = tmp_path_factory.mktemp("walk")
    settings = settings_of(folder)
    names = {name.upper(): str(value) for name, value in settings.items() if name != "data_dir"}
    with run_studio(folder, **names) as address:
        app = create_app(WebSettings(**settings))
        with app.app_context():
            paths = [admin.add_account(name, email) for name, email in
                     (("Ada", ADA), ("Eve", EVE), ("Zoe", ZOE))]  # fmt: skip
            admin.set_admin(ADA, True)
        context = chromium.new_context(**SCREENS["phone"], locale="en")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        for path in paths:
            page.goto(address + path)
            page.locator("#password").fill(PASSWORD)
            page.locator("#again").fill(PASSWORD)
            page.locator("main button[type=submit]").click()
            page.wait_for_url("**/log-in")
        yield fill_studio(page, address, app, folder)
        context.close()


def log_in(page: Any, address: str, email: str) -> None:
    page.goto(f"{address}/log-in")
    page.locator("#email").fill(email)
    page.locator("#password").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.wait_for_url(lambda url: "/log-in" not in url or "/code" in url)


def fill_studio(page: Any, address: str, app: Any, folder: Path) -> Content:
    """Bring pictures and a film, and have something on every page."""
    bring_pictures(page, address, folder)
    correct_one(page, address, app)
    return share_and_fail(page, address, app)


def addresses(app: Any) -> dict[str, str]:
    """Of the pages of pictures, by what was sent."""
    with app.app_context():
        return {p.name: f"/pictures/{p.id}" for p in db.session.query(Picture)}


def bring_pictures(page: Any, address: str, folder: Path) -> None:
    """Four photographs and a film."""
    files = []
    for name, pixels, mode in (
        ("Aunt Eileen.jpg", skimage.data.astronaut(), "L"),
        ("Chelsea.png", skimage.data.chelsea(), "L"),
        ("Coffee.jpg", skimage.data.coffee(), "RGB"),
        ("Broken.jpg", skimage.data.rocket(), "L"),
    ):
        files.append(folder / name)
        Image.fromarray(pixels).convert(mode).save(files[-1])
    files.append(film_of_two(folder / "Reel.mp4"))
    log_in(page, address, ADA)
    page.goto(f"{address}/library")
    page.locator("#choose").set_input_files(files)
    page.locator(".card").nth(len(files) - 1).wait_for()


def correct_one(page: Any, address: str, app: Any) -> None:
    """Correct a colour twice, and save it."""
    page.goto(address + addresses(app)["Aunt Eileen.jpg"])
    page.locator("#correct:not([disabled])").wait_for()
    page.locator("#correct").click()
    for color in ("Orange", "Blue"):  # one after the other, so that there is an earlier result
        box = page.locator("#stage").bounding_box()
        page.locator("#stage").click(position={"x": 0.27 * box["width"], "y": 0.62 * box["height"]})
        page.locator("#palette").get_by_role("button", name=color, exact=True).click()
        if color == "Blue":
            page.locator("#palette-keep").click()
            page.locator("#save-color-name").fill("Eileen's overall")
            page.locator("#save-color-form button:not([type])").click()
            page.locator("#save-color[open]").wait_for(state="detached")
        page.locator("#palette-done").click()
        page.locator("#download:not([aria-disabled])").wait_for()


def share_and_fail(page: Any, address: str, app: Any) -> Content:
    """Open a shot, find people, share, and let one picture fail."""
    places = addresses(app)
    photo, film = places["Aunt Eileen.jpg"], places["Reel.mp4"]
    page.goto(address + film)
    page.locator(".shot").nth(1).click()
    page.locator("#stage").wait_for()
    still = page.url.removeprefix(address)
    page.goto(f"{address}/people")
    page.locator("form[action='/people/on'] button").click()
    page.locator("form[action='/people/look'] button").click()
    page.locator(".faces").first.wait_for()
    links = []
    for place in (photo, film):
        page.goto(address + place)
        page.locator(f"form[action='{place}/share'] button").click()
        links.append(re.sub(r".*(/s/)", r"\1", page.locator("#share-link").input_value()))
    with app.app_context():
        user = service.find_user(ADA)
        assert user is not None
        secret = str(app.config["SECRET_KEY"])
        db.session.query(Picture).filter_by(name="Broken.jpg").update(
            {"state": "failed", "problem": "You stopped it."}
        )
        db.session.commit()
    page.goto(f"{address}/library")
    page.locator("#select").click()
    for card in page.locator(".card").all():
        card.click()
    page.locator("#album-name").fill("Summer 1943")
    page.locator("button[formaction='/library/album']").click()
    page.wait_for_url("**/library?album=*")
    album = page.url.removeprefix(address)
    with app.app_context():
        user = service.find_user(ADA)
        assert user is not None
        number = int(album.rpartition("=")[2])
        links.append(f"/s/{create_album_link(user, number).token}")
        proof = service.sign_up_token("new@example.org", secret)
        invitation = admin.invitation_path()
        links += [f"{invitation}&proof={proof}", invitation, admin.reset_path(EVE)]
        eve = service.find_user(EVE)
        assert eve is not None
        other_user = f"/admin/users/{eve.id}"
    return Content(
        address, photo, places["Chelsea.png"], places["Coffee.jpg"], places["Broken.jpg"], film,
        still, album, tuple(links), "new@example.org", other_user, app,
    )  # fmt: skip


def stranger_pages(page: Any, content: Content) -> Iterator[str]:
    """Each page that people see who are not logged in, as it stands in the browser."""
    for path in (
        "/",
        "/log-in",
        "/sign-up",
        "/reset",
        "/try",
        "/offline",
        "/no-such-page",
        "/s/gone",
    ):
        page.goto(content.studio + path)
        yield path
    page.goto(f"{content.studio}/log-in")
    page.locator("main button[type=submit]").click()
    page.locator(".error").first.wait_for()
    yield "refused"
    page.goto(f"{content.studio}/reset")
    page.locator("#email").fill(EVE)
    page.locator("main button[type=submit]").click()
    page.locator("#email").wait_for(state="detached")
    yield "reset sent"
    for number, link in enumerate(content.links):
        page.goto(content.studio + link)
        yield f"link {number}"
    page.goto(f"{content.studio}{content.links[3]}")
    page.locator("main button[type=submit]").click()
    page.locator(".error").first.wait_for()
    yield "sign-up refused"


def newcomer_pages(page: Any, content: Content) -> Iterator[str]:
    """Pages of somebody who has nothing yet."""
    for path in ("/library", "/colors", "/people", "/account/second-factor"):
        page.goto(content.studio + path)
        yield f"{path} empty"


def member_pages(page: Any, content: Content) -> Iterator[str]:
    """Pages of somebody who has everything, and what opens on them."""
    album = content.album
    for path in (
        "/library",
        "/library?q=nothing",
        album,
        "/colors",
        "/people",
        "/faces",
        "/account",
    ):
        page.goto(content.studio + path)
        page.evaluate(OPEN)
        yield path
    page.locator("#token_name").fill("my own script")
    page.locator("form[action='/account/tokens'] button").click()
    page.locator("#new-token").wait_for()
    for name in ("profile", "password", "delete"):  # refused: they are empty
        page.locator(f"form[action='/account/{name}'] button[type=submit]").click()
        page.locator(".error").first.wait_for()
        yield f"/account/{name} refused"
    with content.app.app_context():
        user = service.find_user(ADA)
        assert user is not None
        token = service.email_token(
            user, content.new_address, str(content.app.config["SECRET_KEY"])
        )
    page.goto(f"{content.studio}/account/email/{token}")
    yield "new address"
    page.goto(f"{content.studio}/library")
    page.locator("#select").click()
    page.locator(".card").first.click()
    yield "chosen"
    page.locator("#selection-bar button.danger").click()
    page.locator("dialog[open]").wait_for()
    yield "question"
    for path in ("/admin", content.other_user, content.failed, content.colored):
        page.goto(content.studio + path)
        yield path
    page.goto(f"{content.studio}{content.other_user}")
    page.locator("form[action$='/delete'] button").click()
    page.locator(".error").wait_for()
    yield "user not deleted"
    page.goto(content.studio + content.film)
    page.evaluate(OPEN)
    yield "film"
    page.goto(content.studio + content.still)
    page.locator("#correct:not([disabled])").wait_for()
    yield "still"
    yield from picture_pages(page, content)


def picture_pages(page: Any, content: Content) -> Iterator[str]:
    """The picture page with all that opens on it; what is changed is taken back at the end."""
    page.goto(content.studio + content.photo)
    page.locator("#correct:not([disabled])").wait_for()
    tips = page.locator(".tip-marker").first
    press_until(page, "#show-tips[aria-pressed=false]", tips)
    page.evaluate(OPEN)
    while not page.evaluate(PAINTED):
        page.wait_for_timeout(300)
    yield "picture"
    page.locator("#show-tips").click()  # colours can be corrected all the same
    page.locator("#reference-choose").click()
    page.locator("#chooser-grid button").first.wait_for()
    yield "chooser"
    page.locator("#chooser-close").click()
    page.locator("#brush").click()
    yield "tools"
    page.locator("#area-tool").click()
    box = page.locator("#stage").bounding_box()
    page.locator("#stage").click(position={"x": 0.7 * box["width"], "y": 0.2 * box["height"]})
    page.locator("#palette[open]").wait_for()
    page.locator("#suggested-swatches .swatch").first.wait_for()
    yield "palette"
    page.locator("#palette-pipette").click()
    page.locator("#pipette-color:not(:empty)").wait_for(state="attached")
    yield "pipette"
    page.locator("#pipette-close").click()
    page.locator("#swatches .swatch").nth(6).click()
    page.locator("#palette-keep:not([disabled])").click()
    yield "saved colour"
    page.locator("#save-color-no").click()
    page.locator("#palette-remove").click()
    page.locator("#hint-list li").nth(1).wait_for(state="detached")
    page.wait_for_timeout(1500)  # what has changed is on its way, if anything
    page.locator("#download:not([aria-disabled])").wait_for()
    page.goto(content.studio + content.cat)
    page.locator("#correct:not([disabled])").wait_for()
    page.locator("#mend").click()
    page.locator("#mend-note:not(:empty)").wait_for()
    yield "mended"
    page.locator("#mend").click()
    page.wait_for_timeout(1500)  # otherwise the next language would find it mended
    page.locator("#download:not([aria-disabled])").wait_for()


def press_until(page: Any, button: str, shown: Any) -> None:
    """Press a button again as long as the studio has too much to do, until something is shown."""
    bad = page.locator("#status .bad")
    for _try in range(10):
        page.locator(button).click()
        shown.or_(bad).first.wait_for()
        if shown.is_visible():
            return
        page.wait_for_timeout(5000)


def code_pages(page: Any, content: Content) -> Iterator[str]:
    """The second factor being switched on, asked for, and switched off."""
    key = page.locator("main code").inner_text().replace(" ", "")
    page.locator("#code").fill(pyotp.TOTP(key).now())
    page.locator("#confirm").fill(PASSWORD)
    page.locator("main button[type=submit]").click()
    page.locator(".codes").wait_for()
    yield "recovery codes"
    page.goto(f"{content.studio}/account/second-factor")
    yield "second factor"
    page.goto(f"{content.studio}/account")
    page.locator("form[action='/log-out'] button").click()
    log_in(page, content.studio, ZOE)
    page.locator("#code").wait_for()
    yield "code"
    page.locator("main button[type=submit]").click()
    page.locator(".error").wait_for()
    yield "code refused"
    with content.app.app_context():
        admin.disable_second_factor(ZOE)
        db.session.query(Login).filter_by(user_id=select_id(ZOE)).delete()
        db.session.commit()


def select_id(email: str) -> int:
    user = db.session.query(User).filter_by(email=email).one()
    return int(user.id)


@pytest.mark.hosts
@pytest.mark.parametrize("code", LANGUAGES)
def test_every_page_on_a_phone_in_each_language(code: str, chromium: Any, content: Content) -> None:
    pictures = os.environ.get("PHOTOCHROM_WALK")
    found: list[str] = []
    parts: list[tuple[str, tuple[Any, ...]]] = [
        ("", (stranger_pages,)),
        (ZOE, (newcomer_pages, code_pages)),
        (ADA, (member_pages,)),
    ]
    for email, walks in parts:
        context = chromium.new_context(**SCREENS["phone"], locale=code, reduced_motion="reduce")
        context.set_default_timeout(PATIENCE_MS)
        page = context.new_page()
        complaints: list[str] = []
        page.on("pageerror", lambda error, kept=complaints: kept.append(str(error)))
        if email:
            log_in(page, content.studio, email)
            page.goto(f"{content.studio}/account")
            page.locator(".languages > summary").click()
            page.locator(f".languages button[value={code}]").click()
            page.locator(f"html[lang={code}]").wait_for(state="attached")
        for walk in walks:
            for number, name in enumerate(walk(page, content)):
                found += [f"{name}: {what}" for what in look(page, code)]
                if pictures:
                    folder = Path(pictures) / code
                    folder.mkdir(parents=True, exist_ok=True)
                    file = f"{walk.__name__}-{number:02}-{re.sub(r'[^a-z]+', '-', name)}.png"
                    page.screenshot(path=folder / file, full_page="dialog" not in name)
        found += complaints
        context.close()
    assert not found, "\n".join(found)


def look(page: Any, code: str) -> list[str]:
    """What is wrong with the page as it stands in the browser."""
    page.evaluate(AXE)
    shown = page.evaluate("[document.documentElement.lang, document.documentElement.dir]")
    found = page.evaluate(FIND) + page.evaluate(CUT)
    if shown != [code, LANGUAGES[code].direction]:
        found.append(f"the page is in {shown}")
    if code != "en":
        found += [f"English: {text}" for text in english_words(set(page.evaluate(WORDS)), code)]
    return [str(what) for what in found]


class _Words(HTMLParser):
    """The words of a page, as `WORDS` has them."""

    def __init__(self) -> None:
        super().__init__()
        self.words: set[str] = set()
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        shown = ("aria-label", "alt", "placeholder", "title")
        self.words |= {value for name, value in attrs if value and name in shown}

    def handle_data(self, data: str) -> None:
        if self._inside not in ("script", "style", "bdi", "code"):
            self.words.add(data)


@pytest.mark.slow
def test_no_page_is_in_english_for_who_reads_another_language(
    make_app: MakeApp, grey_scene: NDArray[np.uint8]
) -> None:
    app = make_app(trial_rate="9 per day", sign_up="invite")
    with app.app_context():
        path = admin.add_account("Ada", ADA)
        admin.set_admin(ADA, True)
    browser = app.test_client()
    send(browser, path, {"password": PASSWORD, "again": PASSWORD})
    send(browser, "/log-in", {"email": ADA, "password": PASSWORD})
    urls = [upload_picture(browser, jpeg(grey_scene), name) for name in ("Chelsea.jpg", "Reel.jpg")]
    with app.app_context():
        one, film = (db.session.get_one(Picture, url.rpartition("/")[2]) for url in urls)
        one.own_colors, one.hints, film.kind = "all", [], "film"
        for picture in (one, film):
            picture.state, picture.done_revision = "done", 1
        db.session.commit()
        link = admin.reset_path(ADA)
    send(browser, "/library/album", {"album_name": "Summer 1943", "picture": one_id(urls[0])})
    strangers = ("/", "/log-in", "/sign-up", "/reset", "/try", "/no-such", link)
    queries, others = (
        ("", "?album=1", "?q=x"),
        ("colors", "people", "faces", "admin", "admin/users/1"),
    )
    pages = [*urls, "/account", "/account/second-factor"]
    pages += [f"/library{query}" for query in queries] + [f"/{other}" for other in others]
    found = []
    for code in LANGUAGES.keys() - {"en"}:
        send(browser, "/language", {"language": code})
        words: set[str] = set()
        for client, paths in ((app.test_client(), strangers), (browser, pages)):
            for path in paths:
                page = client.get(path, headers={"Accept-Language": code})
                assert f'<html lang="{code}" dir="{LANGUAGES[code].direction}">' in page.text
                parser = _Words()
                parser.feed(page.text)
                words |= parser.words
        assert len(words) > 200
        found += [f"{code}: {word}" for word in english_words(words, code)]
    assert found == []


def one_id(url: str) -> str:
    return url.rpartition("/")[2]
