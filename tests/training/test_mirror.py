"""A run's folder is kept a second time, and a machine that begins anew goes on with it."""

from __future__ import annotations

from pathlib import Path

import pytest

from photochrom.errors import InputError
from photochrom.training import mirror
from photochrom.training.mirror import mirrored_run


def test_a_run_moves_to_another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("fsspec")
    monkeypatch.setattr(mirror, "_LOOK_EVERY_S", 0.01)
    one, two, three = (tmp_path / name for name in ("one", "two", "three"))
    (one / "kept").mkdir(parents=True)
    address = "memory://runs/base"
    with (
        pytest.raises(InputError, match="holds no checkpoint"),
        mirrored_run(address, two, resume=True),
    ):
        pass
    with mirrored_run(address, one, resume=False):
        (one / "kept" / "step-1.pt").write_bytes(b"kept")
        (one / "checkpoint.pt").write_bytes(b"first")

    def stop() -> None:
        with mirrored_run(address, two, resume=True):
            assert (two / "checkpoint.pt").read_bytes() == b"first"
            assert (two / "kept" / "step-1.pt").read_bytes() == b"kept"
            (two / "checkpoint.pt").write_bytes(b"second")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stop()
    monkeypatch.setenv("RANK", "1")
    with mirrored_run(address, three, resume=True):
        assert (three / "checkpoint.pt").read_bytes() == b"second"
        (three / "checkpoint.pt").write_bytes(b"of another rank")
    monkeypatch.setenv("RANK", "0")
    with mirrored_run(address, one, resume=True):
        assert (one / "checkpoint.pt").read_bytes() == b"first", "what is there is gone on with"
        (one / "checkpoint.pt").unlink()
    with mirrored_run(address, one, resume=True):
        assert (one / "checkpoint.pt").read_bytes() == b"second"
