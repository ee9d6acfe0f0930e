import Glibc

/// What one thread hands over to loops within one call, so that each loop is woken once for all of it, and what it writes goes out together.
///
/// Not Sendable: it belongs to its thread, which alone reaches it.
public final class Handover {
    private var parts: [(loop: Loop, jobs: ContiguousArray<@Sendable () -> Void>)] = []
    private var reminders: [(owner: ObjectIdentifier, remind: () -> Void)] = []

    /// Runs `body` here and now. What it hands over to loops from this thread starts when it has returned, in the order in which it was handed over. Inside
    /// another such call it is part of that one.
    public static func together(_ body: () -> Void) {
        guard current == nil else { return body() }
        let handover = Handover()
        pthread_setspecific(key, Unmanaged.passUnretained(handover).toOpaque())
        body()
        pthread_setspecific(key, nil)
        for (_, remind) in handover.reminders { remind() }
        for (loop, jobs) in handover.parts {
            loop.runOrEnqueue { for job in jobs { job() } }
        }
    }

    /// The one under way on this thread; a few nanoseconds.
    @inline(__always)
    public static var current: Handover? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<Handover>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Calls `body` when it is over, once for each `owner`: a mailbox whose loop has to be told.
    public func remind(_ owner: AnyObject, _ body: @escaping () -> Void) {
        let owner = ObjectIdentifier(owner)
        if !reminders.contains(where: { $0.owner == owner }) { reminders.append((owner, body)) }
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
        precondition(code == 0, "no thread-specific key for hand-overs: \(String(cString: strerror(code)))")
        return key
    }()
}
