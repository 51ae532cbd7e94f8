//! What crates built on this one keep with a connection.

use std::any::{Any, TypeId};
use std::sync::{Arc, Mutex, PoisonError, Weak};

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

impl Client {
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
