import numpy as np
import pytest

from da_zoo.data.log_mel import hz_to_mel, log_mel, mel_filters, mel_to_hz

RATE = 16000.0
TIME = np.arange(16000) / RATE


def tone(hz, amplitude=1.0, time=TIME):
    return amplitude * np.sin(2 * np.pi * hz * time)[None]


def test_the_scales_are_the_published_ones():
    # HTK: 1000 mel at 1000 Hz, 2595 log10(2) at 700 Hz. Slaney: 15 steps at 1000 Hz,
    # 27 more at 6400 Hz.
    np.testing.assert_allclose(hz_to_mel(1000.0), 1000.0, atol=0.02)
    np.testing.assert_allclose(hz_to_mel(700.0), 781.17, atol=0.01)
    np.testing.assert_allclose(hz_to_mel([0.0, 100.0], "slaney"), [0.0, 1.5])
    np.testing.assert_allclose(hz_to_mel([1000.0, 6400.0], "slaney"), [15.0, 42.0])
    hz = np.linspace(0.0, 8000.0, 50)
    for formula in ("htk", "slaney"):
        np.testing.assert_allclose(
            mel_to_hz(hz_to_mel(hz, formula), formula), hz, atol=1e-9
        )
    with pytest.raises(ValueError, match="unknown mel formula 'bark'"):
        hz_to_mel(1.0, "bark")


@pytest.mark.parametrize("formula", ["htk", "slaney"])
def test_filters_share_every_frequency_between_two_neighbours(formula):
    filters = mel_filters(20, 1024, RATE, low=100.0, high=7000.0, formula=formula)
    bins = np.fft.rfftfreq(1024, 1 / RATE)
    centres = mel_to_hz(
        np.linspace(hz_to_mel(100.0, formula), hz_to_mel(7000.0, formula), 22), formula
    )
    inner = (bins >= centres[1]) & (bins <= centres[-2])
    np.testing.assert_allclose(filters.sum(axis=0)[inner], 1.0)
    assert not filters[:, (bins < 100) | (bins > 7000)].any()
    assert (np.abs(bins[filters.argmax(axis=1)] - centres[1:-1]) < RATE / 1024).all()


@pytest.mark.parametrize("formula", ["htk", "slaney"])
@pytest.mark.parametrize("hz", [300.0, 1000.0, 3210.0])
def test_a_tone_is_loudest_in_its_band_and_has_its_energy(hz, formula):
    found = log_mel(tone(hz, 0.5), RATE, formula=formula)[0]
    edges = mel_to_hz(
        np.linspace(hz_to_mel(20.0, formula), hz_to_mel(8000.0, formula), 42), formula
    )
    loudest = found.argmax(axis=1)
    assert (edges[loudest] < hz).all() and (edges[loudest + 2] > hz).all()
    # A sine of amplitude 1/2 has the mean square 1/8, whatever its phase.
    np.testing.assert_allclose(np.exp(found).sum(axis=1), 0.125, rtol=2e-3)


def test_noise_has_its_energy_too_and_ten_times_the_amplitude_is_log_100():
    noise = np.random.default_rng(0).normal(size=(1, 16000))
    found = log_mel(noise, RATE, low=0.0)
    # Between the first centre and the last lie nearly all frequencies.
    first, last = mel_to_hz(hz_to_mel(8000.0) * np.array([1, 40]) / 41)
    share = (last - first) / 8000.0
    assert share < np.exp(found).sum(axis=2).mean() < share + 0.06
    np.testing.assert_allclose(
        log_mel(10 * noise, RATE, low=0.0) - found, np.log(100), atol=1e-5
    )


def test_frames_lie_where_they_should():
    # 400 samples a frame, 160 from one to the next: (16000 - 400) // 160 + 1.
    click = np.zeros((2, 16000))
    click[1, 8000] = 1.0
    found = log_mel(click, RATE)
    assert found.shape == (2, 98, 40) and found.dtype == np.float32
    np.testing.assert_allclose(found[0], np.log(1e-10), rtol=1e-6)
    heard = np.flatnonzero((found[1] > -20).any(axis=1))
    # The window is 0 at its first sample, and nearly so beside it.
    assert heard.min() in (48, 49) and heard.max() in (49, 50)
    np.testing.assert_array_equal(log_mel(click[1:], RATE)[0], found[1])


def test_settings_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="100 samples are shorter than a frame of 400"):
        log_mel(np.zeros((1, 100)), RATE)
    with pytest.raises(ValueError, match=r"lies between two .* take fewer bands"):
        log_mel(np.zeros((1, 16000)), RATE, bands=200)
    with pytest.raises(ValueError, match=r"must last samples, got 0\.0 s"):
        log_mel(np.zeros((1, 16000)), RATE, frame=0.0)
    for low, high in ((-1.0, None), (500.0, 400.0), (20.0, 9000.0)):
        with pytest.raises(ValueError, match=r"must be in 0\.\.8000 Hz"):
            log_mel(np.zeros((1, 16000)), RATE, low=low, high=high)
    with pytest.raises(ValueError, match="bands must be at least 1"):
        mel_filters(0, 512, RATE)
