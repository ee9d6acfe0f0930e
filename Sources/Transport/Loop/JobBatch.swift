import Glibc

/// The jobs that one thread enqueues on loops within one call, batched so that each loop is woken once, and what it
/// writes goes out together.
///
/// Not Sendable: it belongs to its thread, which alone reaches it.
public final class JobBatch {
    private var parts: [(loop: Loop, jobs: ContiguousArray<@Sendable () -> Void>)] = []
    private var notifications: [(owner: ObjectIdentifier, notify: () -> Void)] = []

    /// Runs `body` here and now. What it hands over to loops from this thread starts when it has returned, in the order
    /// in which it was handed over. Inside another such call it is part of that one.
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

    /// The one under way on this thread; a few nanoseconds.
    @inline(__always)
    public static var current: JobBatch? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<JobBatch>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Calls `body` when it is over, once for each `owner`: a mailbox whose loop has to be told.
    public func notifyAtEnd(_ owner: AnyObject, _ body: @escaping () -> Void) {
        let owner = ObjectIdentifier(owner)
        if !notifications.contains(where: { $0.owner == owner }) { notifications.append((owner, body)) }
    }

    func add(_ job: @escaping @Sendable () -> Void, to loop: Loop) {
        // There are no more than cores.
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
