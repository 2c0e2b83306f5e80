"""What docs/security.md says of the studio's code, by looking at the code."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import photochrom.web

WEB = Path(photochrom.web.__file__).parent
SCRIPTS = sorted((WEB / "static").rglob("*.js"))
STARTS_PROGRAMS = {"serve.py": {"subprocess"}}
"""`photochrom serve` starts its worker."""
CONNECTS = {
    "mail.py": {"smtplib", "ssl"},
    "lan.py": {"socket"},
    "http_server.py": {"socket"},
    "accounts/oidc.py": {"authlib", "requests"},
}
"""Of the mail server and the OpenID Connect service of the settings; this machine's addresses."""
RISKY = {"pickle", "marshal", "shelve", "yaml", "code", "ctypes", "multiprocessing"}
PROGRAMS = {"subprocess", "pty"}
NETWORK = {
    *("socket", "ssl", "smtplib", "ftplib", "telnetlib", "requests", "httpx", "urllib3"),
    *("authlib", "urllib.request", "http.client"),
}
RUNS_TEXT = {"eval", "exec", "compile", "__import__", "render_template_string"}


@cache
def modules() -> tuple[tuple[str, ast.Module], ...]:
    return tuple(
        (path.relative_to(WEB).as_posix(), ast.parse(path.read_text(encoding="utf-8")))
        for path in sorted(WEB.rglob("*.py"))
    )


def imported(tree: ast.Module) -> set[str]:
    """The libraries that a file imports, wherever in it."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
            names |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.partition(".")[0])
            if node.module in ("urllib", "http"):
                names |= {f"{node.module}.{alias.name}" for alias in node.names}
            names.add(node.module)
    return names


def test_no_request_starts_a_program_or_runs_what_was_sent() -> None:
    for file, tree in modules():
        libraries = imported(tree)
        assert libraries & RISKY == set(), file
        assert libraries & PROGRAMS == STARTS_PROGRAMS.get(file, set()), file
        calls = {
            node.func.id
            for node in ast.walk(tree)
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name)
        }
        assert calls & RUNS_TEXT == set(), file
        attributes = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
        assert attributes & {"system", "popen", "spawnv", "from_string"} == set(), file


def test_the_studio_connects_to_what_its_settings_name_alone() -> None:
    for file, tree in modules():
        assert imported(tree) & NETWORK <= CONNECTS.get(file, set()), file
        text = (WEB / file).read_text(encoding="utf-8")
        assert not re.search(r"verify\s*=\s*False|CERT_NONE|_create_unverified_context", text), file
        assert "urlopen" not in text, file


def test_scripts_write_text_and_no_markup() -> None:
    assert len(SCRIPTS) > 20
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        markup = (
            r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function|srcdoc"
        )
        assert not re.search(markup, text), path.name


def test_browsers_keep_no_pictures_and_no_secrets() -> None:
    kept = {}
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        kept[path.name] = re.findall(r"(?:local|session)Storage\.setItem\(([^,]+),", text)
    assert {name: keys for name, keys in kept.items() if keys} == {
        "app.js": ['"back"'],  # which search of the library one came from
        "picture.js": ["KEPT"],  # what was asked of a picture: hints, strength, tone
        "resumable.js": ["key"],  # name, size and address of an upload that may go on
    }


def test_secrets_come_from_the_system_and_digests_are_sha_256() -> None:
    for file, tree in modules():
        assert "random" not in imported(tree), file
        text = (WEB / file).read_text(encoding="utf-8")
        digests = set(re.findall(r"hashlib\.(\w+)", text))
        digests |= set(re.findall(r"hmac\.\w+\([^)]*\"(\w+)\"\)", text))
        assert digests <= {"sha256", "blake2b"}, (file, digests)  # the latter of pictures


def test_pages_use_nothing_that_browsers_have_given_up() -> None:
    for path in (WEB / "templates").rglob("*.html"):
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"<(object|embed|applet|iframe|marquee|frame)\b", text), path.name
        assert "javascript:" not in text, path.name


def test_scripts_set_no_property_by_a_name_that_was_sent() -> None:
    for path in SCRIPTS:
        text = path.read_text(encoding="utf-8")
        assert not re.search(r"__proto__|\.prototype\[|Object\.setPrototypeOf", text), path.name
