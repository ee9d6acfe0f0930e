/// Whether the next connection to be read is likely to have company in its tick: so many others with something to write that all of them are better
/// written to together, with one system call, than each by itself.
///
/// NIO does not tell how many connections a tick will bring, so the last tick that was looked at has to do. A loop without company answers at once, which
/// makes no task and leaves no answer waiting, and looks again now and then.
struct Company {
    /// Answers sent at once before the next look. A look costs a task.
    private static let patience = 64

    private var wasThere = false
    private var answersBeforeLook = 0

    /// Asked for the first answer of a tick. `true`: let it wait for the tick's end, and ``note(_:)`` what came.
    @inline(__always)
    mutating func isExpected() -> Bool {
        if wasThere || answersBeforeLook == 0 { return true }
        answersBeforeLook -= 1
        return false
    }

    /// A tick has ended in which answers waited for each other.
    @inline(__always)
    mutating func note(_ isThere: Bool) {
        wasThere = isThere
        answersBeforeLook = Self.patience
    }
}
