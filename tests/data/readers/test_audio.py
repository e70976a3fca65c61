import shutil
import struct

import numpy as np
import pytest
from scipy.io import wavfile

from da_zoo.data.readers.audio import read_audio, read_wav

SINE = 0.5 * np.sin(2 * np.pi * 440 * np.arange(8000) / 8000)


def write_24_bits(path, wave, rate):
    """As RIFF has it: little-endian, three bytes a sample."""
    numbers = np.round(wave * 2**23).astype("<i4")
    data = numbers.view(np.uint8).reshape(-1, 4)[:, :3].tobytes()
    head = struct.pack("<4sI4s4sI", b"RIFF", 36 + len(data), b"WAVE", b"fmt ", 16)
    head += struct.pack("<HHIIHH", 1, 1, rate, 3 * rate, 3, 24)
    path.write_bytes(head + struct.pack("<4sI", b"data", len(data)) + data)


@pytest.fixture
def speech(tmp_path):
    root = tmp_path / "speech"
    for domain in ("near", "far"):
        for name, hz in (("high", 2000), ("low", 300)):
            (root / domain / name).mkdir(parents=True)
            wave = np.sin(2 * np.pi * hz * np.arange(16000) / 16000)
            wave = np.int16(wave * (20000 if domain == "near" else 2000))
            wavfile.write(root / domain / name / "1.wav", 16000, wave)
    return root


def test_every_encoding_is_the_same_sound(tmp_path):
    wavfile.write(tmp_path / "u1.wav", 8000, np.uint8(np.round(SINE * 128 + 128)))
    wavfile.write(tmp_path / "i2.wav", 8000, np.int16(np.round(SINE * 2**15)))
    write_24_bits(tmp_path / "i3.wav", SINE, 8000)
    wavfile.write(tmp_path / "i4.wav", 8000, np.int32(np.round(SINE * 2**31)))
    wavfile.write(tmp_path / "f4.wav", 8000, SINE.astype(np.float32))
    wavfile.write(tmp_path / "f8.wav", 8000, SINE)
    stereo = np.stack([1.5 * SINE, 0.5 * SINE], axis=1)
    wavfile.write(tmp_path / "stereo.wav", 8000, stereo)
    for path in sorted(tmp_path.iterdir()):
        found = read_wav(path, 8000)
        bits = {"u1": 8, "i2": 16, "i3": 24}.get(path.stem, 24)
        assert found.dtype == np.float32
        np.testing.assert_allclose(found, SINE, atol=1.01 * 2.0**-bits, err_msg=path)


@pytest.mark.parametrize("rate", [8000, 11025, 22050, 44100])
def test_other_rates_become_one(tmp_path, rate):
    wave = 0.5 * np.sin(2 * np.pi * 440 * np.arange(rate) / rate)
    wavfile.write(tmp_path / "a.wav", rate, wave)
    found = read_wav(tmp_path / "a.wav", 16000)
    wanted = 0.5 * np.sin(2 * np.pi * 440 * np.arange(16000) / 16000)
    assert len(found) == 16000
    np.testing.assert_allclose(found[200:-200], wanted[200:-200], atol=2e-3)


def test_a_tree_becomes_log_mel_signals(speech):
    data = read_audio(speech, label=True)
    assert (data.kind, data.classes) == ("signals", ("high", "low"))
    assert data.x.shape == (4, 98, 40) and data.x.dtype == np.float32
    assert data.domains == ("far", "near") and data.domain.tolist() == [0, 0, 1, 1]
    loudest = data.x.mean(axis=1).argmax(axis=1)
    assert loudest[0] == loudest[2] > loudest[1] == loudest[3]
    # A tenth of the amplitude is log 100 less.
    gap = data.x[2].max(axis=1) - data.x[0].max(axis=1)
    np.testing.assert_allclose(gap, np.log(100), atol=0.01)
    assert read_audio(speech, domain="far", bands=20).x.shape == (2, 98, 20)
    assert read_audio(speech).labels is None and data.notes == ()


def test_length_is_one_and_what_that_costs_is_said(tmp_path):
    wavfile.write(tmp_path / "a.wav", 16000, np.ones(24000))
    wavfile.write(tmp_path / "b.wav", 16000, np.ones(8000))
    wavfile.write(tmp_path / "c.wav", 16000, np.ones(16000))
    data = read_audio(tmp_path)
    assert data.x.shape[:2] == (3, 98)
    assert data.notes == (
        "1 sounds are longer than 1 s and lost their ends.",
        "1 sounds are shorter than 1 s: silence follows.",
    )
    np.testing.assert_array_equal(data.x[0], data.x[2])
    np.testing.assert_allclose(data.x[1, 60:], np.log(1e-10), rtol=1e-6)
    assert read_audio(tmp_path / "a.wav", seconds=1.5).x.shape == (1, 148, 40)


def test_the_fingerprint_is_of_names_bytes_and_settings(speech, tmp_path):
    before = read_audio(speech).fingerprint
    shutil.copytree(speech, tmp_path / "copy")
    assert read_audio(tmp_path / "copy").fingerprint == before
    assert read_audio(speech, hop_seconds=0.02).fingerprint != before
    wavfile.write(tmp_path / "copy" / "far" / "low" / "1.wav", 16000, np.zeros(16000))
    assert read_audio(tmp_path / "copy").fingerprint != before


def test_bad_files_are_named_and_left_out_only_if_asked_for(speech):
    bad = speech / "far" / "low" / "1.wav"
    whole = bad.read_bytes()
    nan = np.full(8000, np.nan)
    for content, message in [
        (whole[:-100], "Reached EOF"),
        (whole[:30], "cannot be read as WAV"),
        (b"", "cannot be read as WAV"),
        (b"no sound at all" * 9, "not understood"),
        (np.zeros(0, np.int16), "no samples"),
        (nan, "NaN or infinite samples"),
    ]:
        if isinstance(content, bytes):
            bad.write_bytes(content)
        else:
            wavfile.write(bad, 8000, content)
        with pytest.raises(
            ValueError, match=rf"far/low/1\.wav.*{message}.*skip_corrupt"
        ):
            read_audio(speech, label=True)
    data = read_audio(speech, label=True, skip_corrupt=True)
    assert data.labels.tolist() == [0, 0, 1]
    assert data.notes[0].startswith("1 of 4 files cannot be read and are left out:")
    assert str(bad) in data.notes[0]
    shutil.rmtree(speech / "near")
    shutil.rmtree(speech / "far" / "high")
    with pytest.raises(ValueError, match="no WAV file can be read"):
        read_audio(speech, label=True, skip_corrupt=True)


def test_comments_in_a_file_do_no_harm(tmp_path):
    path = tmp_path / "a.wav"
    wavfile.write(path, 8000, np.zeros(80, np.int16))
    raw = path.read_bytes() + b"id3 " + struct.pack("<I", 4) + b"note"
    path.write_bytes(raw[:4] + struct.pack("<I", len(raw) - 8) + raw[8:])
    assert len(read_wav(path, 8000)) == 80


def test_settings_are_checked(speech):
    with pytest.raises(ValueError, match="rate must be a whole number"):
        read_audio(speech, rate=0)
    with pytest.raises(ValueError, match="seconds above 0"):
        read_audio(speech, seconds=-1.0)
    with pytest.raises(ValueError, match="shorter than a frame"):
        read_audio(speech, seconds=0.01)
    with pytest.raises(ValueError, match="one file"):
        read_audio(speech / "far" / "low" / "1.wav", label=True)
