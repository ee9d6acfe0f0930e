import Glibc
import SocketIO
import Synchronization

/// What the host knows of the thread it is on: whether it is a loop's, and which callback it is in.
/// Threads of plugins have none.
///
/// Not Sendable: it belongs to its thread, which alone reaches it.
final class ThreadState {
    /// The loop this is the thread of; nil on a strand.
    let loop: LoopContext?
    /// The callback under way, the innermost one.
    var frame: UnsafeMutablePointer<CallbackFrame>?
    /// Borrowed tokens made here.
    private var sequence: UInt64 = 0
    /// Tells the borrowed tokens of this thread from those of others.
    let number: UInt64

    private init(loop: LoopContext?) {
        self.loop = loop
        self.number = ThreadNumber.next()
    }

    /// A token that is good for the callback under way on this thread only.
    @inline(__always)
    func makeToken() -> ReplyToken {
        sequence &+= 1
        return ReplyToken(borrowed: sequence, thread: number)
    }

    /// Whether a borrowed token was made on this thread.
    func made(_ token: ReplyToken) -> Bool { token.thread == number }

    // MARK: Where it is kept

    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        // A thread that goes takes its state with it.
        let code = pthread_key_create(&key) { pointer in
            if let pointer { Unmanaged<ThreadState>.fromOpaque(pointer).release() }
        }
        precondition(code == 0, "no thread-specific key for the plugin host: \(String(cString: strerror(code)))")
        return key
    }()

    /// The calling thread's; a few nanoseconds.
    @inline(__always)
    static var current: ThreadState? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<ThreadState>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Of the calling thread; 0: it is none of the host's.
    static var currentNumber: UInt64 { current?.number ?? 0 }

    @discardableResult
    static func install(loop: LoopContext?) -> ThreadState {
        uninstall()
        let state = ThreadState(loop: loop)
        pthread_setspecific(key, Unmanaged.passRetained(state).toOpaque())
        return state
    }

    static func uninstall() {
        guard let pointer = pthread_getspecific(key) else { return }
        pthread_setspecific(key, nil)
        Unmanaged<ThreadState>.fromOpaque(pointer).release()
    }
}

/// What a callback under way was handed. Lives on the stack of the thread that runs it.
struct CallbackFrame {
    /// Whose callback it is.
    let plugin: UnsafeRawPointer
    /// The ack it may still give; 0 when there is none, or when it was given or kept.
    var ack: ReplyToken
    let ackID: UInt64
    let socket: SocketHandle
    /// The sender itself, where the callback runs on its loop.
    let sender: Unmanaged<NamespaceSocket>?
    /// The arguments it was handed: passing them on needs no second validation.
    let args: UnsafeRawBufferPointer
}

/// Numbers for threads, 1…32767 and over again.
enum ThreadNumber {
    private static let last = Atomic<UInt64>(0)

    static func next() -> UInt64 { last.wrappingAdd(1, ordering: .relaxed).newValue % 0x7FFF + 1 }
}
