import Synchronization

/// An immutable object that any thread reads without a lock, and that another one may replace.
///
/// A read costs one load, and counts no reference. ``replace(by:)`` therefore returns the old object instead of
/// releasing it: a thread may still be in ``withCurrent(_:)`` with it.
public struct Replaceable<Object: AnyObject & Sendable>: ~Copyable, Sendable {
    private let current: Atomic<Unmanaged<Object>>

    public init(_ object: Object) {
        current = Atomic(.passRetained(object))
    }

    deinit {
        current.load(ordering: .acquiring).release()
    }

    /// Calls `body` with the object that is current now. `body` must not wait, because the owner of the old object
    /// waits for it. [any-thread]
    @inline(__always)
    public func withCurrent<Value, Failure: Error>(
        _ body: (Object) throws(Failure) -> Value
    ) throws(Failure) -> Value {
        try current.load(ordering: .acquiring)._withUnsafeGuaranteedRef { object in
            Result { () throws(Failure) in try body(object) }
        }.get()
    }

    /// Makes `object` the current one. [any-thread]
    ///
    /// - Returns: the old one. The caller keeps it until each thread that was in ``withCurrent(_:)`` at the time of the
    ///   call has left: for objects that only event loops read, until each loop has run a job that was enqueued after
    ///   the call.
    public func replace(by object: Object) -> Object {
        current.exchange(.passRetained(object), ordering: .acquiringAndReleasing).takeRetainedValue()
    }
}
