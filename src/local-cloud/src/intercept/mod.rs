//! Answers as `https://api-<zone>.exoscale.com` to programs that were told to use it as their proxy
//! (`HTTPS_PROXY`) and to trust its authority (`SSL_CERT_FILE`). It never opens a connection to
//! anything but the local cloud's API: what it does not serve it refuses.

mod authority;
mod connect;
mod proxy;

use std::{
    fs, io,
    net::{SocketAddr, TcpListener},
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

use program::scratch_folder::ScratchFolder;
use tokio_rustls::TlsAcceptor;

use super::{cloud::Cloud, error::Error};

pub(super) use authority::AuthorityError;
pub(super) use connect::zone_of;

/// The proxy's address, its authority's file, and what it refused.
#[derive(Debug)]
pub(crate) struct Intercept {
    address: SocketAddr,
    /// Holds the authority's certificate. Its key is not written: it ends with this process.
    folder: ScratchFolder,
    ca_file: PathBuf,
    refused: AtomicU64,
}

/// A proxy that listens and does not serve yet.
pub(super) struct Prepared {
    listener: TcpListener,
    acceptor: TlsAcceptor,
}

impl Intercept {
    /// Makes the authority and listens.
    ///
    /// # Errors
    /// The address is taken, or the authority's file cannot be written.
    pub(super) fn prepare(listen: SocketAddr) -> Result<(Self, Prepared), Error> {
        let failed = |source| Error::Listen {
            address: listen,
            source,
            flag: "--proxy-listen",
        };
        let listener = TcpListener::bind(listen).map_err(failed)?;
        listener.set_nonblocking(true).map_err(failed)?;
        let address = listener.local_addr().map_err(failed)?;
        let (authority, acceptor) = authority::make().map_err(Error::Authority)?;
        let folder = ScratchFolder::make("local-cloud").map_err(Error::AuthorityFile)?;
        let ca_file = folder.path().join("ca.pem");
        fs::write(&ca_file, authority).map_err(Error::AuthorityFile)?;
        let intercept = Self {
            address,
            folder,
            ca_file,
            refused: AtomicU64::new(0),
        };
        Ok((intercept, Prepared { listener, acceptor }))
    }

    /// What `HTTPS_PROXY` takes.
    pub(crate) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The authority's certificate, in PEM.
    pub(crate) fn ca_file(&self) -> &Path {
        &self.ca_file
    }

    /// Removes the authority's file. Dropping does it too, but a thread of the API's server may
    /// hold the cloud for some time after the server has stopped.
    pub(super) fn forget_authority(&self) {
        self.folder.remove();
    }

    /// Connections that it refused to make, so far.
    pub(crate) fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The variables that lead a program here.
    pub(crate) fn environment(&self) -> Vec<(&'static str, String)> {
        vec![
            ("HTTPS_PROXY", self.url()),
            ("SSL_CERT_FILE", self.ca_file().display().to_string()),
        ]
    }
}

/// Serves until the cloud stops. `api` is where the cloud's own API listens.
pub(super) fn serve(cloud: &Arc<Cloud>, prepared: Prepared, api: SocketAddr) -> io::Result<()> {
    let listener = tokio::net::TcpListener::from_std(prepared.listener)?;
    cloud.spawn(proxy::serve(
        Arc::clone(cloud),
        listener,
        prepared.acceptor,
        api,
    ));
    Ok(())
}

/// Reads the head of a request for a tunnel, and does nothing about it.
pub(super) fn read_request(head: &[u8]) {
    let _ = connect::check(head);
}
