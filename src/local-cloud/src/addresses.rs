//! The loopback addresses of one local cloud: a range of 127.0.0.0/8 that no other local cloud on
//! this machine uses. It hands addresses out; it never talks to what listens on them.

use std::{
    collections::HashSet,
    io,
    net::{Ipv4Addr, TcpListener},
};

/// A listening socket on this port of the range's first address marks the range as taken. It is
/// below Linux's range of ephemeral ports (`ip_local_port_range`, 32768 and up).
const RESERVATION_PORT: u16 = 27_290;

/// Addresses in a range: a /18, which holds a pool of 10,000 members with room for replacements.
const RANGE: u16 = 1 << 14;

/// Attempts to find a range that nobody holds.
const ATTEMPTS: usize = 64;

/// A reserved range, freed when it is dropped (or when the process dies, however it dies).
#[derive(Debug)]
pub(crate) struct AddressRange {
    first: Ipv4Addr,
    used: HashSet<u16>,
    /// Where the next search starts: an address is not used again at once, because the peers of
    /// its last user may still hold connections and health verdicts.
    next: u16,
    _reservation: TcpListener,
}

impl AddressRange {
    /// Addresses that can be handed out at the same time.
    pub(crate) const CAPACITY: u32 = RANGE as u32 - 3;

    /// Reserves a random range that is free.
    ///
    /// # Errors
    /// The last error of binding, when no attempt found a free range: the machine does not answer
    /// on all of 127.0.0.0/8 (macOS only has 127.0.0.1).
    pub(crate) fn reserve() -> io::Result<Self> {
        let mut last = io::Error::from(io::ErrorKind::AddrInUse);
        for _ in 0..ATTEMPTS {
            // 127.0 and 127.1 are left to what other programs put there by habit.
            let first = Ipv4Addr::new(127, fastrand::u8(2..=254), fastrand::u8(0..4) << 6, 0);
            match TcpListener::bind((offset(first, 1), RESERVATION_PORT)) {
                Ok(reservation) => {
                    return Ok(Self {
                        first,
                        used: HashSet::new(),
                        next: 2,
                        _reservation: reservation,
                    });
                }
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    /// Takes an address on which all of `ports` can be bound now; `None` when the range is full.
    pub(crate) fn take(&mut self, ports: &[u16]) -> Option<Ipv4Addr> {
        for step in 0..RANGE {
            let index = (self.next + step) % RANGE;
            let address = offset(self.first, index);
            let reserved = index < 2 || index == RANGE - 1;
            if reserved || self.used.contains(&index) || !is_free(address, ports) {
                continue;
            }
            self.used.insert(index);
            self.next = (index + 1) % RANGE;
            return Some(address);
        }
        None
    }

    /// Gives an address back.
    pub(crate) fn release(&mut self, address: Ipv4Addr) {
        let index = u32::from(address).wrapping_sub(u32::from(self.first));
        if let Ok(index) = u16::try_from(index) {
            self.used.remove(&index);
        }
    }
}

fn offset(first: Ipv4Addr, index: u16) -> Ipv4Addr {
    Ipv4Addr::from(u32::from(first) + u32::from(index))
}

fn is_free(address: Ipv4Addr, ports: &[u16]) -> bool {
    ports
        .iter()
        .all(|port| TcpListener::bind((address, *port)).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_do_not_overlap_and_addresses_are_not_reused_at_once() {
        let mut one = AddressRange::reserve().unwrap();
        let other = AddressRange::reserve().unwrap();
        assert_ne!(one.first, other.first);

        let first = one.take(&[]).unwrap();
        one.release(first);
        let second = one.take(&[]).unwrap();
        assert_ne!(first, second);
    }

    #[test]
    fn a_full_range_says_so_and_an_address_in_use_is_skipped() {
        let mut range = AddressRange::reserve().unwrap();
        let busy = TcpListener::bind((offset(range.first, 2), 0)).unwrap();
        let port = busy.local_addr().unwrap().port();
        assert_eq!(range.take(&[port]), Some(offset(range.first, 3)));

        let mut taken = 1;
        while range.take(&[]).is_some() {
            taken += 1;
        }
        assert_eq!(taken, AddressRange::CAPACITY);
    }
}
