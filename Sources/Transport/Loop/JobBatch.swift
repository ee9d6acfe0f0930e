import Glibc

/// The jobs that one thread enqueues on loops during one call of ``run(_:)``. Each loop is woken once for all its jobs,
/// and sends what they write together.
///
/// Not Sendable: only its own thread can access it, through ``current``.
public final class JobBatch {
    private var parts: [(loop: Loop, jobs: ContiguousArray<@Sendable () -> Void>)] = []
    private var notifications: [(owner: ObjectIdentifier, notify: () -> Void)] = []

    /// Runs `body` immediately. Jobs that `body` enqueues on loops are sent to them after it returns, in the order in
    /// which they were enqueued. A nested call joins the outer batch.
    public static func run(_ body: () -> Void) {
        guard current == nil else { return body() }
        let batch = JobBatch()
        pthread_setspecific(key, Unmanaged.passUnretained(batch).toOpaque())
        body()
        pthread_setspecific(key, nil)
        for (_, notify) in batch.notifications { notify() }
        for (loop, jobs) in batch.parts {
            loop.runOrEnqueue { for job in jobs { job() } }
        }
    }

    /// The batch of the calling thread; nil outside of ``run(_:)``. A few ns.
    @inline(__always)
    public static var current: JobBatch? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<JobBatch>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Calls `body` at the end of the batch, once for each `owner`. Mailboxes use it to wake their loop.
    public func notifyAtEnd(_ owner: AnyObject, _ body: @escaping () -> Void) {
        let owner = ObjectIdentifier(owner)
        if !notifications.contains(where: { $0.owner == owner }) { notifications.append((owner, body)) }
    }

    func add(_ job: @escaping @Sendable () -> Void, to loop: Loop) {
        // A linear search: there are no more loops than cores.
        if let index = parts.firstIndex(where: { $0.loop === loop }) {
            parts[index].jobs.append(job)
        } else {
            parts.append((loop, [job]))
        }
    }

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no thread-specific key for job batches: \(String(cString: strerror(code)))")
        return key
    }()
}
