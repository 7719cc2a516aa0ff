//! When the kernel received what is read from a TCP connection. It is known only on Linux.

#[cfg(target_os = "linux")]
pub(crate) use linux::Arrivals;
#[cfg(not(target_os = "linux"))]
pub(crate) use other::Arrivals;

#[cfg(target_os = "linux")]
mod linux {
    use std::{
        io::{self, IoSliceMut},
        os::fd::AsRawFd,
        task::{Context, Poll, ready},
        time::{Duration, SystemTime, UNIX_EPOCH},
    };

    use nix::sys::{
        socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt::ReceiveTimestampns},
        time::TimeSpec,
    };
    use tokio::{
        io::{Interest, ReadBuf},
        net::TcpStream,
    };

    /// Reads from a connection whose arrivals the kernel stamps (`SO_TIMESTAMPNS`, socket(7)).
    pub(crate) struct Arrivals(Vec<u8>);

    impl Arrivals {
        /// Has the kernel stamp what arrives; none if it does not.
        pub(crate) fn of(stream: &TcpStream) -> Option<Self> {
            setsockopt(stream, ReceiveTimestampns, &true).ok()?;
            Some(Self(nix::cmsg_space!(TimeSpec)))
        }

        /// Reads, and says how long ago the last byte arrived.
        pub(crate) fn poll_read(
            &mut self,
            stream: &TcpStream,
            context: &mut Context<'_>,
            buffer: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<Option<Duration>>> {
            loop {
                ready!(stream.poll_read_ready(context))?;
                let mut received = None;
                let result = stream.try_io(Interest::READABLE, || {
                    let space = buffer.initialize_unfilled();
                    let (length, stamp) = self.receive(stream, space)?;
                    received = Some((length, stamp));
                    // What fills only a part has emptied the socket. Said this way, tokio does not
                    // ask it once more before it waits.
                    if length > 0 && length < space.len() {
                        return Err(io::ErrorKind::WouldBlock.into());
                    }
                    Ok(())
                });
                match (received, result) {
                    (Some((length, stamp)), _) => {
                        buffer.advance(length);
                        return Poll::Ready(Ok(stamp.and_then(age)));
                    }
                    (None, Err(error)) if error.kind() != io::ErrorKind::WouldBlock => {
                        return Poll::Ready(Err(error));
                    }
                    (None, _) => {}
                }
            }
        }

        fn receive(
            &mut self,
            stream: &TcpStream,
            space: &mut [u8],
        ) -> io::Result<(usize, Option<TimeSpec>)> {
            let mut space = [IoSliceMut::new(space)];
            let message = recvmsg::<()>(
                stream.as_raw_fd(),
                &mut space,
                Some(&mut self.0),
                MsgFlags::empty(),
            )?;
            let stamp = message.cmsgs()?.find_map(|control| match control {
                ControlMessageOwned::ScmTimestampns(stamp) => Some(stamp),
                _ => None,
            });
            Ok((message.bytes, stamp))
        }
    }

    /// How long ago that was. The stamp is of the wall clock: what that was set by since is part of
    /// the age, so whoever uses it bounds it.
    fn age(stamp: TimeSpec) -> Option<Duration> {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).ok()?;
        now.checked_sub(Duration::from(stamp))
    }

    #[cfg(test)]
    mod tests {
        use std::{future::poll_fn, time::Duration};

        use tokio::{
            io::{AsyncWriteExt, ReadBuf},
            net::{TcpListener, TcpStream},
        };

        use super::Arrivals;

        #[tokio::test]
        async fn what_waited_to_be_read_has_the_age_of_its_arrival() {
            const WAIT: Duration = Duration::from_millis(30);
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let stream = TcpStream::connect(address).await.expect("connected");
            let (mut server, _) = listener.accept().await.expect("accepted");
            let mut arrivals = Arrivals::of(&stream).expect("stamped");
            // The kernel begins to stamp a moment after the first socket has asked for it.
            for _ in 0..100 {
                server.write_all(b"response").await.expect("sent");
                stream.readable().await.expect("it has arrived");
                tokio::time::sleep(WAIT).await;
                let mut bytes = [0; 64];
                let mut buffer = ReadBuf::new(&mut bytes);
                let read = poll_fn(|context| arrivals.poll_read(&stream, context, &mut buffer));
                let age = read.await.expect("read");
                assert_eq!(buffer.filled(), b"response");
                if let Some(age) = age {
                    assert!(age >= WAIT, "it arrived {age:?} ago");
                    return;
                }
            }
            panic!("no arrival was stamped");
        }

        #[tokio::test]
        async fn the_end_is_read_as_nothing() {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let address = listener.local_addr().expect("an address");
            let stream = TcpStream::connect(address).await.expect("connected");
            let (mut server, _) = listener.accept().await.expect("accepted");
            let mut arrivals = Arrivals::of(&stream).expect("stamped");
            server.write_all(b"last").await.expect("sent");
            drop(server);
            for expected in [b"last".as_slice(), b""] {
                let mut bytes = [0; 64];
                let mut buffer = ReadBuf::new(&mut bytes);
                poll_fn(|context| arrivals.poll_read(&stream, context, &mut buffer))
                    .await
                    .expect("read");
                assert_eq!(buffer.filled(), expected);
            }
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod other {
    use std::{
        convert::Infallible,
        io,
        task::{Context, Poll},
        time::Duration,
    };

    use tokio::{io::ReadBuf, net::TcpStream};

    /// Nobody says when something arrived.
    pub(crate) struct Arrivals(Infallible);

    impl Arrivals {
        pub(crate) fn of(_: &TcpStream) -> Option<Self> {
            None
        }

        pub(crate) fn poll_read(
            &mut self,
            _: &TcpStream,
            _: &mut Context<'_>,
            _: &mut ReadBuf<'_>,
        ) -> Poll<io::Result<Option<Duration>>> {
            match self.0 {}
        }
    }
}
