import CCrashReport
import Glibc
import SocketIO
import Synchronization

/// The host's state of a thread: its loop, if it is a loop's thread, and its running callback. Threads that plugins
/// start have none.
///
/// Not Sendable: only its own thread can reach it.
final class ThreadState {
    /// The loop that runs on this thread; `nil` on a strand.
    let loop: LoopContext?
    /// The strand that this thread runs; `nil` on a loop.
    let strand: Strand?
    /// The running callback, the innermost one if they are nested.
    var frame: UnsafeMutablePointer<CallbackFrame>?
    /// Number of borrowed tokens made on this thread.
    private var sequence: UInt64 = 0
    /// Distinguishes this thread's borrowed tokens from those of others.
    let number: UInt64

    private init(loop: LoopContext?, strand: Strand?) {
        self.loop = loop
        self.strand = strand
        self.number = ThreadNumber.next()
    }

    /// A token that is valid for the running callback on this thread only.
    @inline(__always)
    func makeToken() -> ReplyToken {
        sequence &+= 1
        return ReplyToken(borrowed: sequence, thread: number)
    }

    /// Whether a borrowed token was made on this thread.
    func made(_ token: ReplyToken) -> Bool { token.thread == number }

    // MARK: Thread-local storage

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        // Releases the state when the thread ends.
        let code = pthread_key_create(&key) { pointer in
            jf_crash_thread_leave()
            if let pointer { Unmanaged<ThreadState>.fromOpaque(pointer).release() }
        }
        precondition(code == 0, "no thread-specific key for the plugin host: \(String(cString: strerror(code)))")
        return key
    }()

    /// The state of the calling thread; takes a few nanoseconds.
    @inline(__always)
    static var current: ThreadState? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<ThreadState>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Number of the calling thread; 0 if it is not one of the host's.
    static var currentNumber: UInt64 { current?.number ?? 0 }

    /// Makes the state of the calling thread, and registers the thread for the report of a crash.
    @discardableResult
    static func install(loop: LoopContext?, strand: Strand? = nil) -> ThreadState {
        uninstall()
        let state = ThreadState(loop: loop, strand: strand)
        pthread_setspecific(key, Unmanaged.passRetained(state).toOpaque())
        jf_crash_thread_enter(strand?.identity?.raw, loop?.runningWord ?? strand?.runningWord)
        return state
    }

    static func uninstall() {
        guard let pointer = pthread_getspecific(key) else { return }
        pthread_setspecific(key, nil)
        jf_crash_thread_leave()
        Unmanaged<ThreadState>.fromOpaque(pointer).release()
    }
}

/// The values of a running callback. Lives on the stack of the thread that runs it.
struct CallbackFrame {
    /// The plugin whose callback it is.
    let plugin: UnsafeRawPointer
    /// The token of its ack; 0 if there is none, or if it was completed or kept.
    var ack: ReplyToken
    let ackID: UInt64
    let socket: SocketHandle
    /// The sender's socket, if the callback runs on the socket's loop.
    let sender: Unmanaged<NamespaceSocket>?
    /// The arguments that the callback got: passing them on needs no second validation.
    let args: UnsafeRawBufferPointer
}

/// Numbers for threads: 1…32767, then again from 1.
enum ThreadNumber {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue % 0x7FFF + 1 }
}
