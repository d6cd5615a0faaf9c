"""A value of every record type that dnspython can read, with another
spelling of the same value where there is one.
"""

from __future__ import annotations

_KEY = (
    "AwEAAcw5QLr0IjC0wKbGoBPQv4qmeqHy9mvL5qGQTuaG5TSrNqEAR6b/qvxDx6my4JmEmjUPA1JeEI9YfTUieMr2"
    "UZflu7aIbZFLw0vqiYrywCGr"
)
_HASH = "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"

#: ``{type: (value, other spelling)}``; relative names lie in the zone foobar.com.
EXAMPLES = {
    "A": ("192.0.2.1", "192.0.2.1"),
    "AAAA": ("2001:DB8:0:0::1", "2001:db8::1"),
    "AFSDB": ("1 Afs", "1 afs.foobar.com."),
    "AMTRELAY": ("10 0 1 203.0.113.15", "10  0  1  203.0.113.15"),
    "APL": ("1:192.168.32.0/21 !1:192.168.38.0/28", "1:192.168.32.0/21   !1:192.168.38.0/28"),
    "AVC": ("app-name:WOLFGANG", '"app-name:WOLFGANG"'),
    "CAA": ('0 issue "letsencrypt.org"', "0  issue  letsencrypt.org"),
    "CERT": (f"1 65534 RSASHA256 {_KEY}", f"PKIX 65534 8 {_KEY[:20]} {_KEY[20:]}"),
    "CNAME": ("WWW", "www.foobar.com."),
    "CSYNC": ("66 3 A NS AAAA", "66 3 AAAA NS A"),
    "DHCID": (
        "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
        "AAIBY2/AuCccgoJbsaxcQc9T UapptP69lOjxfNuVAA2kjEA=",
    ),
    "DNAME": ("Elsewhere.example.", "elsewhere.example."),
    "DS": (f"12345 13 2 {_HASH}", f"12345 ECDSAP256SHA256 2 {_HASH[:32].upper()} {_HASH[32:]}"),
    "EUI48": ("00-00-5E-00-53-2A", "00-00-5e-00-53-2a"),
    "EUI64": ("00-00-5E-EF-10-00-00-2A", "00-00-5e-ef-10-00-00-2a"),
    "GPOS": ("-32.6882 116.8652 10.0", '"-32.6882" "116.8652" "10.0"'),
    "HINFO": ("PC Linux", '"PC" "Linux"'),
    "HIP": (
        f"2 200100107B1A74DF365639CC39F1D578 {_KEY} rvs",
        f"2 200100107b1a74df365639cc39f1d578 {_KEY} rvs.foobar.com.",
    ),
    "HTTPS": ('1 . alpn="h2,h3" port=8443', "1 . port=8443 alpn=h2,h3"),
    "IPSECKEY": (f"10 1 2 192.0.2.38 {_KEY}", f"10 1 2 192.0.2.38 {_KEY[:10]} {_KEY[10:]}"),
    "ISDN": ("150862028003217 004", '"150862028003217" "004"'),
    "KEY": (f"512 3 8 {_KEY}", f"512 3 RSASHA256 {_KEY[:10]} {_KEY[10:]}"),
    "KX": ("10 Kx", "10 kx.foobar.com."),
    "L32": ("10 10.1.2.0", "10  10.1.2.0"),
    "L64": ("10 2001:0DB8:1140:1000", "10 2001:0db8:1140:1000"),
    "LOC": (
        "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
        "52 22 23 N 4 53 32 E -2m 0m 10000.00m 10.00m",
    ),
    "LP": ("10 l64-subnet1", "10 l64-subnet1.foobar.com."),
    "MX": ("10 Mail.FOOBAR.com.", "10 mail"),
    "NAPTR": (
        '100 50 "s" "z3950+I2L+I2C" "" _z3950._tcp',
        "100 50 s z3950+I2L+I2C '' _z3950._tcp.foobar.com.".replace("''", '""'),
    ),
    "NID": ("10 0014:4fff:ff20:ee64", "10 0014:4FFF:FF20:EE64"),
    "NINFO": ("zone status", '"zone status"'),
    "NS": ("NS1", "ns1.foobar.com."),
    "NSAP": (
        "0x47.0005.80.005a00.0000.0001.e133.ffffff000161.00",
        "0x47000580005a0000000001e133ffffff00016100",
    ),
    "OPENPGPKEY": (_KEY, f"{_KEY[:30]} {_KEY[30:]}"),
    "PTR": ("WWW", "www.foobar.com."),
    "PX": ("10 Map822 MapX400", "10 map822.foobar.com. mapx400.foobar.com."),
    "RESINFO": ("qnamemin exterr=15-17", '"qnamemin" "exterr=15-17"'),
    "RP": ("Admin .", "admin.foobar.com. ."),
    "RT": ("10 Relay", "10 relay.foobar.com."),
    "SMIMEA": (f"3 1 1 {_HASH}", f"3 1 1 {_HASH.upper()}"),
    "SPF": ("v=spf1 mx -all", '"v=spf1 mx -all"'),
    "SRV": ("0 5 443 Www", "0 5 443 www.foobar.com."),
    "SSHFP": (f"4 2 {_HASH}", f"4 2 {_HASH.upper()}"),
    "SVCB": ("1 svc alpn=h2 port=853", '1 svc.foobar.com. port=853 alpn="h2"'),
    "TLSA": (f"3 1 1 {_HASH}", f"3 1 1 {_HASH[:32]} {_HASH[32:].upper()}"),
    "TXT": ("x" * 300, '"' + "x" * 255 + '" "' + "x" * 45 + '"'),
    "TYPE65280": (r"\# 4 0a000001", r"\# 4 0A 00 00 01"),
    "URI": ('10 1 "https://www.foobar.com/"', '10  1  "https://www.foobar.com/"'),
    "WALLET": ("EXAMPLE 01234567890abcdef", '"EXAMPLE 01234567890abcdef"'),
    "X25": ("311061700956", '"311061700956"'),
}
