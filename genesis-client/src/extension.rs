//! What crates built on this one keep with a connection.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use tokio::sync::watch;

use crate::client::{Client, Shared};

/// One value per type. There are a handful, so a list will do.
#[derive(Default)]
pub(crate) struct Extensions(Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>);

/// A [`Client`] that does not keep the connection alive.
#[derive(Clone)]
pub struct WeakClient {
    shared: Weak<Shared>,
}

impl WeakClient {
    /// The client, unless its last handle is gone.
    pub fn upgrade(&self) -> Option<Client> {
        self.shared.upgrade().map(Client::new)
    }
}

impl std::fmt::Debug for WeakClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("WeakClient").finish_non_exhaustive()
    }
}

/// How much work there is that is to be done before the connection closes.
#[derive(Default)]
struct Work(watch::Sender<usize>);

/// Work that [`Outbound::serve`](crate::Outbound::serve) waits for before it closes the connection of a
/// call whose handler has returned; see [`Client::keep_open`]. Drop it when the work is done.
#[must_use = "the connection waits while this lives"]
pub struct KeepOpen(Arc<Work>);

impl Drop for KeepOpen {
    fn drop(&mut self) {
        self.0.0.send_modify(|count| *count -= 1);
    }
}

impl std::fmt::Debug for KeepOpen {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("KeepOpen").finish_non_exhaustive()
    }
}

impl Client {
    /// Says that there is work over this connection that outlives the handler of a call, such as
    /// hanging up a call that was dropped: the server waits for it before it closes the connection,
    /// though [no longer than it is told](crate::OutboundBuilder::clean_up). Take it before the
    /// handler can return, and drop it when the work is done. For crates built on this one; a
    /// connection that is not served stays open as long as there is a [`Client`] of it.
    pub fn keep_open(&self) -> KeepOpen {
        let work: Arc<Work> = self.extension();
        work.0.send_modify(|count| *count += 1);
        KeepOpen(work)
    }

    /// Waits until no [`KeepOpen`] is left.
    pub(crate) async fn work_done(&self) {
        let work: Arc<Work> = self.extension();
        // its sender is `work`
        let _ = work.0.subscribe().wait_for(|count| *count == 0).await;
    }

    /// A handle that does not keep the connection alive.
    pub fn downgrade(&self) -> WeakClient {
        WeakClient {
            shared: Arc::downgrade(&self.shared),
        }
    }

    /// The value of type `T` that this connection carries, made when first asked for. All handles of
    /// one connection share it. For crates that keep something per connection; it must not hold a
    /// [`Client`], which would keep the connection alive for ever: hold a [`WeakClient`].
    pub fn extension<T: Any + Send + Sync + Default>(&self) -> Arc<T> {
        let mut values = self
            .shared
            .extensions
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner);
        let id = TypeId::of::<T>();
        let found = values.iter().find(|(other, _)| *other == id);
        if let Some(value) = found.and_then(|(_, value)| value.clone().downcast::<T>().ok()) {
            return value;
        }
        let value = Arc::new(T::default());
        values.push((id, value.clone()));
        value
    }
}
