//! To which of the addresses that the API names a member may be anything sent.
//!
//! A drain carries a token, and a scrape is a request in the network of the monitoring. Whoever
//! could change the API's answer would otherwise send both wherever they like, such as to the
//! metadata service of the machine, whose document holds the agent's secrets.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::{config::AddressKind, target::Endpoint};

/// Why an address cannot be a member's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
pub enum Unfit {
    #[error("it is of this machine itself")]
    Loopback,
    #[error("it is link-local, as that of the metadata service is")]
    LinkLocal,
    #[error("it is a multicast address")]
    Multicast,
    #[error("it is no machine's address")]
    Unspecified,
    #[error("it is a broadcast or reserved address")]
    Reserved,
    #[error("it is private, while discovery.addresses asks for public ones")]
    Private,
}

impl Unfit {
    /// As the metric has it.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Loopback => "loopback",
            Self::LinkLocal => "link_local",
            Self::Multicast => "multicast",
            Self::Unspecified => "unspecified",
            Self::Reserved => "reserved",
            Self::Private => "private",
        }
    }
}

/// Where members are.
#[derive(Clone, Copy, Debug)]
pub struct Reach {
    private: bool,
    loopback: bool,
}

impl Reach {
    /// Members of the local cloud are on this machine, as its API is.
    pub fn of(kind: AddressKind, api: &Endpoint) -> Self {
        Self {
            private: kind == AddressKind::Private,
            loopback: api.is_loopback(),
        }
    }

    /// Whether a member can have this address.
    pub fn check(self, address: IpAddr) -> Result<(), Unfit> {
        match address.to_canonical() {
            IpAddr::V4(address) => self.check_v4(address),
            IpAddr::V6(address) => self.check_v6(address),
        }
    }

    fn check_v4(self, address: Ipv4Addr) -> Result<(), Unfit> {
        let octets = address.octets();
        match octets {
            [0, ..] => Err(Unfit::Unspecified),
            [127, ..] if self.loopback => Ok(()),
            [127, ..] => Err(Unfit::Loopback),
            [169, 254, ..] => Err(Unfit::LinkLocal),
            [224..=239, ..] => Err(Unfit::Multicast),
            [240..=255, ..] => Err(Unfit::Reserved),
            // Networks of carriers, of protocols and of measurements (RFC 6890).
            [100, 64..=127, ..] | [192, 0, 0, _] | [198, 18..=19, ..] if !self.private => {
                Err(Unfit::Private)
            }
            _ if address.is_private() && !self.private => Err(Unfit::Private),
            _ => Ok(()),
        }
    }

    fn check_v6(self, address: Ipv6Addr) -> Result<(), Unfit> {
        let inner = |high: u16, low: u16| {
            let ([a, b], [c, d]) = (high.to_be_bytes(), low.to_be_bytes());
            self.check_v4(Ipv4Addr::new(a, b, c, d))
        };
        match address.segments() {
            [0, 0, 0, 0, 0, 0, 0, 0] => Err(Unfit::Unspecified),
            [0, 0, 0, 0, 0, 0, 0, 1] if self.loopback => Ok(()),
            [0, 0, 0, 0, 0, 0, 0, 1] => Err(Unfit::Loopback),
            // An IPv4 address in another form: compatible, translated (NAT64), 6to4.
            [0, 0, 0, 0, 0 | 0xffff, 0, high, low] | [0x64, 0xff9b, 0, 0, 0, 0, high, low] => {
                inner(high, low)
            }
            [0x2002, high, low, ..] => inner(high, low),
            [0xff00..=0xffff, ..] => Err(Unfit::Multicast),
            [0xfe80..=0xfebf, ..] => Err(Unfit::LinkLocal),
            // Unique local, the former site-local, and NAT64 of a network's own.
            [0xfc00..=0xfdff | 0xfec0..=0xfeff, ..] | [0x64, 0xff9b, 1, ..] if !self.private => {
                Err(Unfit::Private)
            }
            _ => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ZONE: &str = "https://api-at-vie-1.exoscale.com/v2";

    fn check(kind: AddressKind, api: &str, address: &str) -> Result<(), Unfit> {
        let reach = Reach::of(kind, &api.parse().unwrap());
        reach.check(address.parse().unwrap())
    }

    #[test]
    fn nothing_is_sent_where_no_member_can_be() {
        for (address, why) in [
            ("169.254.169.254", Unfit::LinkLocal),
            ("169.254.0.1", Unfit::LinkLocal),
            ("127.0.0.1", Unfit::Loopback),
            ("127.255.255.254", Unfit::Loopback),
            ("0.0.0.0", Unfit::Unspecified),
            ("0.1.2.3", Unfit::Unspecified),
            ("224.0.0.1", Unfit::Multicast),
            ("239.255.255.250", Unfit::Multicast),
            ("255.255.255.255", Unfit::Reserved),
            ("240.0.0.1", Unfit::Reserved),
            ("::", Unfit::Unspecified),
            ("::1", Unfit::Loopback),
            ("fe80::1", Unfit::LinkLocal),
            ("febf:ffff::1", Unfit::LinkLocal),
            ("ff02::1", Unfit::Multicast),
            ("ff0e::1", Unfit::Multicast),
            ("::ffff:169.254.169.254", Unfit::LinkLocal),
            ("::ffff:127.0.0.1", Unfit::Loopback),
            ("::ffff:224.0.0.1", Unfit::Multicast),
            ("::ffff:0.0.0.0", Unfit::Unspecified),
            ("::127.0.0.1", Unfit::Loopback),
            ("::169.254.169.254", Unfit::LinkLocal),
            ("::ffff:0:169.254.169.254", Unfit::LinkLocal),
            ("64:ff9b::169.254.169.254", Unfit::LinkLocal),
            ("2002:a9fe:a9fe::1", Unfit::LinkLocal),
            ("2002:7f00:1::1", Unfit::Loopback),
        ] {
            for kind in [AddressKind::Public, AddressKind::Private, AddressKind::Ipv6] {
                assert_eq!(check(kind, ZONE, address), Err(why), "{address}");
            }
        }
    }

    #[test]
    fn private_addresses_are_members_only_where_they_are_asked_for() {
        for address in [
            "10.0.0.7",
            "172.31.0.7",
            "192.168.1.7",
            "100.64.0.7",
            "192.0.0.192",
            "198.18.0.1",
            "::ffff:10.0.0.7",
            "fd00:ec2::254",
            "fec0::1",
            "64:ff9b:1::1",
        ] {
            let kinds = [AddressKind::Public, AddressKind::Ipv6];
            for kind in kinds {
                assert_eq!(check(kind, ZONE, address), Err(Unfit::Private), "{address}");
            }
            assert_eq!(
                check(AddressKind::Private, ZONE, address),
                Ok(()),
                "{address}"
            );
        }
        for address in ["192.0.2.7", "185.19.28.7", "2001:db8::7", "2a04:c43::7"] {
            for kind in [AddressKind::Public, AddressKind::Private, AddressKind::Ipv6] {
                assert_eq!(check(kind, ZONE, address), Ok(()), "{address}");
            }
        }
    }

    #[test]
    fn members_are_on_this_machine_only_where_the_api_is() {
        let member = |api| check(AddressKind::Public, api, "127.0.1.7");
        for api in [
            "http://127.0.0.1:8080/v2",
            "http://127.9.9.9/v2",
            "http://[::1]:8080/v2",
            "http://localhost:8080/v2",
        ] {
            assert_eq!(member(api), Ok(()), "{api}");
            let metadata = check(AddressKind::Public, api, "169.254.169.254");
            assert_eq!(metadata, Err(Unfit::LinkLocal));
        }
        for api in [
            ZONE,
            "http://192.168.0.1/v2",
            "http://127.0.0.1.example/v2",
            "http://localhost.example/v2",
            "http://0.0.0.0/v2",
        ] {
            assert_eq!(member(api), Err(Unfit::Loopback), "{api}");
        }
    }
}
