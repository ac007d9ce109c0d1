"""A store signed by key pairs: whoever can only write to its folder changes nothing of what is served."""

import json
import shutil

import pytest

from service.errors import ArtifactMissing, BadSetting, DigestMismatch, StartupError
from service.models import load
from service.settings import Settings
from service.store.key_pairs import PrivateKey, add_signer, make_private_key, read_signers, remove_signer
from service.store.manifest import Manifest
from service.store.proven import record_proven, stand_ins
from service.store.signature import Keys
from service.store.versions import Store


@pytest.fixture
def keys(tmp_path):
    """A function: the Keys of `maker` (packs), of `keeper` (promotes), of `both`, or of a server ("")."""
    for name, may in (("maker", ["pack"]), ("keeper", ["promote"]), ("both", ["pack", "promote"])):
        add_signer(tmp_path / "signers", name, make_private_key(tmp_path / name), may)
    make_private_key(tmp_path / "stranger")

    def make(name="", seen=""):
        return Keys(private=tmp_path / name if name else "", signers=tmp_path / "signers", seen=str(seen))

    return make


def add(store, model="m", payload=b"payload", **options):
    with store.adding(model, **options) as draft:
        (draft.folder / "file.bin").write_bytes(payload)
        draft.manifest = Manifest(draft.model, draft.version, "tabular", draft.digests(), {"columns": []})


@pytest.fixture
def store(tmp_path, keys):
    """Models `m` and `n` in versions 1 and 2, of which 2 is current, as somebody with both rights sees them."""
    store = Store(tmp_path / "store", keys("both"))
    for model in ("m", "n"):
        for payload in (b"one", b"two"):
            add(store, model, payload)
    return store


@pytest.fixture
def server(store, keys):
    """The same store as a server sees it, which has no private key."""
    return Store(store.root, keys())


def test_a_server_needs_public_keys_alone(server):
    version = server.open("m")
    assert version.manifest.version == "2"
    server.keys.check(version.manifest)
    with pytest.raises(BadSetting, match="m has to be signed .* DAYLIGHT_PRIVATE_KEY names no key"):
        server.promote("m", "1")
    assert server.current("m") == "2"


def test_makers_pack_and_keepers_promote(store, keys):
    maker, keeper = Store(store.root, keys("maker")), Store(store.root, keys("keeper"))
    add(maker, promote=False)
    assert store.current("m") == "2"
    with pytest.raises(BadSetting, match="not of a signer who may promote"):
        maker.promote("m", "3")
    with pytest.raises(BadSetting, match="not of a signer who may pack"):
        add(keeper, promote=False)
    assert store.versions("m") == ["1", "2", "3"]
    keeper.promote("m", "3")
    assert store.current("m") == "3"
    assert keeper.rollback("m") == "2"


def test_a_stranger_changes_nothing(store, keys):
    stranger = Store(store.root, keys("stranger"))
    with pytest.raises(BadSetting, match="not of a signer who may promote"):
        stranger.promote("m", "1")
    without_signers = Store(store.root, Keys(private=stranger.keys._private_path))
    without_signers.promote("m", "1")  # on a machine of the stranger's own, nothing asks
    with pytest.raises(DigestMismatch, match="m: entry 5 of its history was altered .* or signed by nobody whom"):
        store.current("m")


def test_a_maker_cannot_slip_a_promotion_below_a_receipt_of_packing(store, keys, server):
    """The newest receipt vouches for those before it only where its signer may promote."""
    alone = Store(store.root, Keys(private=keys("maker")._private_path))
    alone.promote("m", "1")
    add(alone, promote=False)
    with pytest.raises(DigestMismatch, match="signed by a key that may not promote"):
        server.current("m")


def test_a_current_file_that_was_rolled_back_changes_nothing(store, server):
    (store.root / "m" / "current").write_text("1\n")
    assert server.current("m") == "2"
    assert "names 1, and the newest receipt 2: the history holds" in server.history_of("m").differing()


def entries(store, model="m"):
    return (store.root / model / "history").read_text().splitlines(keepends=True)


def write(store, lines, model="m"):
    (store.root / model / "history").write_text("".join(lines))


def test_a_history_cut_in_its_middle_or_at_its_beginning_is_refused(store, server):
    lines = entries(store)
    for left in (lines[1:], lines[:1] + lines[2:]):
        write(store, left)
        with pytest.raises(DigestMismatch, match=r"entry \d does not follow the one before it: the history was cut"):
            server.current("m")


@pytest.mark.parametrize("left", [1, 2, 3])
def test_an_older_copy_of_a_whole_model_is_refused_by_who_has_seen_the_newer_one(store, tmp_path, keys, left):
    seen = tmp_path / "seen.json"
    running = Store(store.root, keys(seen=seen))
    assert running.current("m") == "2"
    write(store, entries(store)[:left])
    (store.root / "m" / "current").write_text("1\n")
    restarted = Store(store.root, keys(seen=seen))
    for server in (running, restarted):
        with pytest.raises(DigestMismatch, match="entry 4 was seen before: somebody has put an older copy"):
            server.current("m")


def test_another_history_of_the_same_length_is_refused(store, tmp_path, keys):
    running = Store(store.root, keys(seen=tmp_path / "seen.json"))
    running.current("m")
    kept = entries(store)[:3]
    write(store, kept)
    Store(store.root, keys("both")).promote("m", "2", "again")  # signed, and not what was seen
    with pytest.raises(DigestMismatch, match="entry 4 of its history is not the one that was seen before"):
        running.current("m")


def test_a_history_that_is_gone_is_refused(store, server):
    (store.root / "m" / "history").unlink()
    with pytest.raises(DigestMismatch, match="m has no signed history"):
        server.current("m")


def test_models_whose_folders_were_exchanged_are_refused(store, server):
    (store.root / "m").rename(store.root / "x")
    (store.root / "n").rename(store.root / "m")
    (store.root / "x").rename(store.root / "n")
    for model in ("m", "n"):
        with pytest.raises(StartupError, match="the folders were exchanged"):
            server.open(model)


def test_versions_whose_folders_were_exchanged_are_refused(store, server):
    (store.root / "m" / "1").rename(store.root / "m" / "x")
    (store.root / "m" / "2").rename(store.root / "m" / "1")
    (store.root / "m" / "x").rename(store.root / "m" / "2")
    with pytest.raises(StartupError, match="holds the manifest of m version 1"):
        server.open("m")


def test_a_version_of_another_store_by_the_same_maker_is_refused(store, server, tmp_path):
    other = Store(tmp_path / "staging", store.keys)
    add(other, payload=b"tried out", version="2")
    shutil.rmtree(store.root / "m" / "2")
    shutil.copytree(other.root / "m" / "2", store.root / "m" / "2")
    server.keys.check(Manifest.read(store.root / "m" / "2"))  # it is properly signed
    with pytest.raises(DigestMismatch, match="m version 2: its manifest is not the one that entry 4"):
        server.open("m")


def test_a_removed_version_does_not_come_back(store, server, tmp_path):
    add(store)
    shutil.copytree(store.root / "m" / "1", tmp_path / "kept")
    store.remove("m", "1")
    shutil.copytree(tmp_path / "kept", store.root / "m" / "1")
    with pytest.raises(DigestMismatch, match=r"m version 1 was removed \(entry 7 of its history\)"):
        server.open("m", "1")


def test_every_word_of_a_receipt_is_covered(store, server):
    lines = entries(store)
    last = json.loads(lines[-1])
    for field, value in last.items():
        edited = last | {field: [] if field == "earlier" else value + 1 if field == "number" else f"{value}0"}
        write(store, [*lines[:-1], json.dumps(edited, ensure_ascii=False) + "\n"])
        with pytest.raises(DigestMismatch):
            server.current("m")


def test_nothing_takes_the_place_of_a_version_that_was_damaged(store, server):
    """Whoever can write to the folder could otherwise roll back, by damaging what is current."""
    record_proven(store, "m", "1")
    assert stand_ins(server, "m") == []
    assert stand_ins(Store(store.root), "m") == ["1"]


def test_a_manifest_signed_by_a_keeper_alone_is_refused(store, keys, server):
    alone = Store(store.root, Keys(private=keys("keeper")._private_path))
    add(alone)
    version = server.open("m")
    assert version.manifest.version == "3"
    with pytest.raises(DigestMismatch, match="its manifest was signed by a key that may not pack"):
        server.keys.check(version.manifest)


def test_loading_checks_the_signature(store, tmp_path):
    """By the signers and not by the shared key, where both are set."""
    settings = Settings(store=store.root, signers_file=str(tmp_path / "signers"), signing_key="sixteen characters")
    path = store.root / "m" / "2" / "manifest.json"
    version = Store(store.root).open("m")
    path.write_text(json.dumps(json.loads(path.read_text()) | {"signature": ""}))
    with pytest.raises(DigestMismatch, match="is not signed, and DAYLIGHT_SIGNERS_FILE asks"):
        load(Store(store.root).open("m"), settings)
    with pytest.raises(StartupError) as caught:  # it is signed, and has no payload that could be loaded
        load(version, settings)
    assert not isinstance(caught.value, DigestMismatch)


def test_a_store_of_before_is_signed_by_promoting_what_is_current(tmp_path, keys):
    plain = Store(tmp_path / "store")
    add(plain)
    (plain.root / "m" / "history").unlink()
    signed = Store(plain.root, keys("both"))
    with pytest.raises(DigestMismatch, match="promote m VERSION signs what is current"):
        signed.current("m")
    signed.promote("m", "1")
    assert Store(plain.root, keys()).current("m") == "1"


def test_a_first_version_that_is_not_promoted_is_not_served(tmp_path, keys):
    store = Store(tmp_path / "store", keys("both"))
    add(store, promote=False)
    assert store.models() == []
    with pytest.raises(ArtifactMissing, match="has no model m"):
        store.current("m")
    store.promote("m", "1")
    assert store.current("m") == "1"


def test_a_former_signer_is_vouched_for_by_the_next(store, server, tmp_path, keys):
    Store(store.root, keys("keeper")).promote("m", "1")
    remove_signer(tmp_path / "signers", "both")
    assert server.current("m") == "1"
    with pytest.raises(DigestMismatch):
        server.current("n")


def test_files_of_keys_are_checked(tmp_path, keys):
    assert (tmp_path / "both").stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        make_private_key(tmp_path / "both")
    with pytest.raises(ValueError, match="there is a signer with this name or this key"):
        add_signer(tmp_path / "signers", "again", PrivateKey.read(tmp_path / "both").public, ["pack"])
    with pytest.raises(ValueError, match="there is no signer named nobody"):
        remove_signer(tmp_path / "signers", "nobody")
    with pytest.raises(ValueError, match="expected a name of letters"):
        add_signer(tmp_path / "signers", "short", "QUJD", ["pack"])
    for text in ("{}", "[]", '{"signers": [{"name": "x"}]}'):
        (tmp_path / "broken").write_text(text)
        with pytest.raises(ValueError, match="is not a file of signers"):
            read_signers(tmp_path / "broken")
        with pytest.raises(BadSetting):
            PrivateKey.read(tmp_path / "broken")
    with pytest.raises(BadSetting, match="the signers cannot be read"):
        Keys(signers=tmp_path / "broken").name_of("ed25519:x:y")


def test_a_file_of_what_was_seen_that_cannot_be_used_is_told(store, tmp_path, keys):
    (tmp_path / "seen.json").write_text("{")
    with pytest.raises(StartupError, match="seen.json .DAYLIGHT_SEEN_FILE. cannot be used"):
        Store(store.root, keys(seen=tmp_path / "seen.json")).current("m")
