"""Declarations: what people write, what it means, and what cannot be."""

from __future__ import annotations

import dns.name
import dns.rdataclass
import dns.rdatatype
import pytest
from ansible_collections.foobar.lamp.plugins.module_utils.dns import rrsets
from hypothesis import given
from hypothesis import strategies as st
from support.record_types import EXAMPLES

ZONE = dns.name.from_text("foobar.com")
WWW = {"name": "www", "type": "A", "values": ["192.0.2.1"]}


def parse(*records):
    return rrsets.parse(records, ZONE, 3600)


def content(declared):
    return {
        key: rrsets.RRset(declaration.ttl, declaration.values)
        for key, declaration in declared.items()
    }


def known_types():
    """Return the types that dnspython can read, but for those that the server keeps."""
    found = {
        kind.name for kind in dns.rdatatype.RdataType if not dns.rdatatype.is_metatype(kind)
    } - rrsets.SERVER_TYPES
    return {
        kind
        for kind in found
        if dns.rdata.get_rdata_class(dns.rdataclass.IN, dns.rdatatype.from_text(kind))
        is not _GENERIC
    }


_GENERIC = dns.rdata.GenericRdata
# Nothing is known of these but their names in old documents, or (the last three) only to the newest
# dnspython.
_UNUSED = {"WKS", "NSAP_PTR", "DLV", "DSYNC", "HHIT", "BRID"}


def test_examples_leave_out_no_type():
    assert known_types() - _UNUSED == set(EXAMPLES) - {"TYPE65280"}


@pytest.mark.parametrize("kind", EXAMPLES)
def test_spellings_of_one_value_are_equal(kind):
    one, other = EXAMPLES[kind]
    assert parse({"name": "x", "type": kind, "values": [one]}) == parse(
        {"name": "X.foobar.com.", "type": kind.lower(), "values": [other, other]}
    )


@pytest.mark.parametrize("kind", EXAMPLES)
def test_written_and_read_again_a_record_is_the_same(kind):
    declared = parse({"name": "x", "type": kind, "ttl": 60, "values": [EXAMPLES[kind][0]]})
    assert parse(*rrsets.declarations(content(declared), ZONE)) == declared


_labels = st.text("abcXYZ019-_", min_size=1, max_size=20)
_names = st.lists(_labels, min_size=1, max_size=3).map(".".join)
# A text that begins with a quote is one in presentation format, which not every text is.
_texts = st.text(st.characters(codec="utf-8"), max_size=600).filter(
    lambda text: not text.startswith('"')
)
_records = st.one_of(
    st.tuples(st.just("A"), st.ip_addresses(v=4).map(str)),
    st.tuples(st.just("AAAA"), st.ip_addresses(v=6).map(str)),
    st.tuples(st.just("TXT"), _texts),
    st.tuples(st.just("MX"), st.builds("{} {}".format, st.integers(0, 65535), _names)),
    st.tuples(
        st.just("TYPE65281"),
        st.binary(min_size=1, max_size=40).map(lambda raw: rf"\# {len(raw)} {raw.hex()}"),
    ),
)


@given(_names, _records, st.integers(0, 2**31 - 1))
def test_whatever_is_written_and_read_again_is_the_same(name, record, ttl):
    declared = parse({"name": name, "type": record[0], "ttl": ttl, "values": [record[1]]})
    assert parse(*rrsets.declarations(content(declared), ZONE)) == declared


@given(_texts)
def test_text_without_quotes_is_kept_byte_for_byte(text):
    ((value,),) = (
        declaration.values
        for declaration in parse({"name": "x", "type": "TXT", "values": [text]}).values()
    )
    assert b"".join(value.strings) == text.encode()
    assert all(len(part) <= 255 for part in value.strings)


@pytest.mark.parametrize(
    ("written", "name"),
    [
        ("@", "foobar.com."),
        ("*", "*.foobar.com."),
        ("_25._tcp.mail", "_25._tcp.mail.foobar.com."),
        ("www.foobar.com.", "www.foobar.com."),
        ("www.foobar.com", "www.foobar.com.foobar.com."),
        ("Bücher", "xn--bcher-kva.foobar.com."),
        ("_dmarc.bücher", "_dmarc.xn--bcher-kva.foobar.com."),
    ],
)
def test_names(written, name):
    assert [str(key[0]) for key in parse({**WWW, "name": written})] == [name]


def test_international_letter_is_encoded_by_the_newer_rules_or_refused(monkeypatch):
    if dns.name.have_idna_2008:
        assert str(next(iter(parse({**WWW, "name": "straße"})))[0]) == "xn--strae-oqa.foobar.com."
    monkeypatch.setattr(dns.name, "have_idna_2008", False)
    with pytest.raises(rrsets.DeclarationError, match="needs the Python package idna"):
        parse({**WWW, "name": "straße"})
    assert str(next(iter(parse({**WWW, "name": "bücher"})))[0]) == "xn--bcher-kva.foobar.com."


def test_values_have_international_names_too():
    assert parse({"name": "x", "type": "MX", "values": ["10 bücher"]}) == parse(
        {"name": "x", "type": "MX", "values": ["10 xn--bcher-kva"]}
    )


@pytest.mark.parametrize(
    ("record", "words"),
    [
        (
            {"name": "www.example.org.", "type": "A", "values": ["192.0.2.1"]},
            "records[0] (www.example.org. A) lies outside the zone",
        ),
        ({"name": "www", "type": "A", "values": ["192.0.2.999"]}, "has the value '192.0.2.999'"),
        ({"name": "www", "type": "TXT", "values": ['"open']}, "has the value '\"open'"),
        ({"name": "www", "type": "X", "values": ["1"]}, "has the unknown type X"),
        ({"name": "www", "type": "SOA", "values": ["1"]}, "which the server itself keeps"),
        ({"name": "www", "type": "RRSIG", "values": ["1"]}, "which the server itself keeps"),
        ({"name": "www", "type": "ANY", "values": ["1"]}, "which the server itself keeps"),
        ({"name": "www", "type": "A", "values": []}, "has no values"),
        ({"name": "www", "type": "A", "state": "append"}, "has no values"),
        (
            {"name": "www", "type": "A", "values": ["192.0.2.1"], "state": "ignore"},
            "its state is ignore",
        ),
        ({"name": "www", "type": "A", "ttl": -1, "values": ["192.0.2.1"]}, "has the ttl -1"),
        ({"name": "www", "type": "CNAME", "values": ["a", "b"]}, "has 2 values"),
        ({"name": "a..b", "type": "A", "values": ["192.0.2.1"]}, "has no valid name"),
        ({"name": "a" * 64, "type": "A", "values": ["192.0.2.1"]}, "has no valid name"),
    ],
)
def test_what_cannot_be_is_refused(record, words):
    with pytest.raises(rrsets.DeclarationError) as caught:
        parse(record)
    assert words in str(caught.value)


def test_conflict_names_both_places():
    with pytest.raises(rrsets.DeclarationError, match=r"records\[2\] .* differs from records\[0\]"):
        parse(
            WWW,
            {**WWW, "name": "other"},
            {**WWW, "name": "WWW.foobar.com.", "values": ["192.0.2.2"]},
        )


def test_equal_declarations_count_once_and_appended_values_add_up():
    assert parse(WWW, {**WWW, "name": "WWW.foobar.com."}) == parse(WWW)
    more = {**WWW, "values": ["192.0.2.2"], "state": "append"}
    assert parse({**WWW, "state": "append"}, more) == parse(
        {**more, "values": ["192.0.2.2", "192.0.2.1"]}
    )
    with pytest.raises(rrsets.DeclarationError, match="differs from"):
        parse({**WWW, "state": "append"}, {**more, "ttl": 5})


def test_pointers_lead_back_from_addresses_in_the_reverse_zone():
    records = [
        {"name": "www", "type": "A", "values": ["192.0.2.1", "198.51.100.1"]},
        {"name": "alias", "type": "A", "values": ["192.0.2.1"]},
        {"name": "*", "type": "A", "values": ["192.0.2.9"]},
        {"name": "gone", "type": "A", "state": "absent"},
        {"name": "www", "type": "AAAA", "values": ["2001:db8::1"]},
        {"name": "www", "type": "TXT", "values": ["x"]},
    ]
    four = rrsets.pointers(records, ZONE, dns.name.from_text("2.0.192.in-addr.arpa"), 60)
    assert {
        str(name): [str(value) for value in declaration.values]
        for (name, _kind), declaration in four.items()
    } == {"1.2.0.192.in-addr.arpa.": ["www.foobar.com."]}
    six = rrsets.pointers(records, ZONE, dns.name.from_text("8.b.d.0.1.0.0.2.ip6.arpa"), 60)
    assert len(six) == 1
