"""Whatever a document looks like: masking hides every secret, twice is as good as once, and it can be undone."""

from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from flowker.model import exact_json
from flowker.model.masking import MASK, mask, mask_node_data, mask_url, restore, restore_node_data

SECRET = "s3cr3t"
HIDDEN = st.sampled_from(
    ["api_key", "clientSecret", "verify_token", "X-Access-Token", "private_key", "PASSWORD"]
)
INNOCENT = st.sampled_from(
    ["name", "headers", "base_url", "targets", "auth", "authentication", "config", "value"]
)
TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from([MASK, "https://a.test", f"x {MASK}@y", "a://b://c@d", f"h://{MASK}@a?token={MASK}"]),
    st.text(alphabet="a:/?&#;=@.*k ey", max_size=24),
)
SCALARS = st.one_of(
    st.none(), st.booleans(), st.integers(), st.decimals(allow_nan=False, allow_infinity=False), TEXTS
)
KEYS = st.one_of(HIDDEN, INNOCENT, st.text(max_size=6))

DOCUMENTS = st.recursive(
    SCALARS,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(KEYS, inner, max_size=4)),
    max_leaves=12,
)

SECRET_URLS = st.sampled_from(
    [
        f"https://user:{SECRET}@a.test/x",
        f"https://{SECRET}@a.test",
        f"see ftp://u:p@{SECRET}@a.test and more",
        f"https://a.test/?a=b&api_key={SECRET}",
        f"https://a.test/#access_token={SECRET}&x=y",
    ]
)
GUARDED = st.recursive(
    st.one_of(SCALARS, SECRET_URLS),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(KEYS, inner, max_size=3),
        st.dictionaries(
            HIDDEN, st.one_of(st.just(SECRET), st.just([SECRET]), st.just({"a": SECRET})), max_size=2
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_masking_twice_is_masking_once(document: Any) -> None:
    assert mask(mask(document)) == mask(document)
    assert mask_node_data(mask_node_data(document)) == mask_node_data(document)


@settings(max_examples=150, deadline=None)
@given(DOCUMENTS)
def test_what_was_masked_can_be_restored(document: Any) -> None:
    assert restore(mask(document), document) == document
    assert restore_node_data(mask_node_data(document), document) == document


@settings(max_examples=150, deadline=None)
@given(GUARDED)
def test_no_secret_is_shown(document: Any) -> None:
    assert SECRET not in exact_json.dumps(mask(document))
    assert SECRET not in exact_json.dumps(mask_node_data(document))


@settings(max_examples=150, deadline=None)
@given(st.one_of(SECRET_URLS, st.text(alphabet="a:/?&#;=@.key", max_size=30)))
def test_a_masked_url_shows_no_secret_and_stays_as_it_is(url: str) -> None:
    shown = mask_url(url)
    assert SECRET not in shown
    assert mask_url(shown) == shown
