import CCrashReport
import Support
import Synchronization

/// Samples four times a second which callback each strand and each loop is running, and so learns how long a callback
/// has been running without any cost to the callbacks.
///
/// Logs a line when a life cycle callback or an inline callback has been running for a second, and again whenever that
/// time has doubled. Other callbacks delay only their own plugin: they are logged when they have been running for ten
/// times ``HostOptions/slowCallback``. How long they took is measured by ``Strand``.
final class CallbackWatchdog: Sendable {
    /// A callback that was running at the last sample.
    struct Running {
        let plugin: LoadedPlugin
        let callback: Callback
        /// The loop that the callback blocks; `nil` if it runs on a strand.
        let loop: Int?
        /// When it was first seen, on ``Clock/monotonicNanoseconds``.
        let since: Int64
    }

    private enum Place: Hashable {
        case strand(ObjectIdentifier)
        case loop(Int)
    }

    /// Identifies one call: the callback, and its number on this strand or loop.
    private struct Mark: Equatable {
        let callback: ObjectIdentifier
        let number: UInt64
    }

    private struct Sample {
        let mark: Mark
        let since: Int64
        var nextWarning: Int64
    }

    /// Nanoseconds between two samples.
    static let interval: Int64 = 250_000_000
    /// Nanoseconds that a callback runs before the first line is logged.
    static let firstWarning: Int64 = 1_000_000_000
    /// The same for a callback that delays only its own plugin, in times of ``HostOptions/slowCallback``.
    static let patience: Int64 = 10

    private let samples = Mutex<[Place: Sample]>([:])

    /// Takes a sample and logs the lines that are due. Any thread.
    ///
    /// - Parameter slowTime: nanoseconds above which a callback is slow.
    func inspect(_ plugins: [LoadedPlugin], _ loops: [LoopContext], slowTime: Int64) -> [Running] {
        let now = Clock.monotonicNanoseconds
        var found: [Running] = []
        var due: [Running] = []
        samples.withLock { samples in
            var seen: [Place: Sample] = [:]
            func add(_ place: Place, _ number: UInt64, _ plugin: LoadedPlugin, _ callback: Callback, loop: Int?) {
                let delaysOthers = callback.isStep || loop != nil
                let patience = slowTime > .max / Self.patience ? .max : slowTime * Self.patience
                let mark = Mark(callback: ObjectIdentifier(callback), number: number)
                var sample =
                    samples[place].flatMap { $0.mark == mark ? $0 : nil }
                    ?? Sample(mark: mark, since: now, nextWarning: delaysOthers ? Self.firstWarning : patience)
                let running = Running(plugin: plugin, callback: callback, loop: loop, since: sample.since)
                found.append(running)
                if now - sample.since >= sample.nextWarning {
                    sample.nextWarning = (now - sample.since) * 2
                    due.append(running)
                }
                seen[place] = sample
            }
            for plugin in plugins {
                for strand in plugin.outline.strands {
                    guard let running = strand.noteRunning() else { continue }
                    add(.strand(ObjectIdentifier(strand)), running.number, plugin, running.callback, loop: nil)
                }
            }
            for loop in loops {
                guard let (meter, calls) = loop.running else { continue }
                add(.loop(loop.index), calls, meter.plugin, meter.callback, loop: loop.index)
            }
            samples = seen
        }
        for running in due { running.plugin.log.warning("\(running.text(at: now))") }
        return found
    }
}

extension CallbackWatchdog.Running {
    /// The line's text: `create has been running for 1.2 s`.
    func text(at now: Int64) -> String {
        let tenths = max(0, now - since) / 100_000_000
        let place = loop.map { " on loop \($0), whose other sockets wait" } ?? ""
        return "\(callback.title) has been running for \(tenths / 10).\(tenths % 10) s\(place)"
    }
}

/// The name of a plugin's callback, which other threads read to learn what a strand or a loop is running.
///
/// Instances are never freed, so an address found in ``Strand`` or ``LoopContext`` can be read at any time: they are
/// static, or belong to declarations of plugins, which live as long as the process.
///
/// `@unchecked Sendable`: immutable; `mark` is C memory that only `init` writes.
final class Callback: @unchecked Sendable {
    /// The name in log lines: `the handler of 'chat'`, `create`.
    let title: String
    /// Whether it is a life cycle callback, which a thread of the host waits for.
    let isStep: Bool
    /// What a strand publishes while the callback runs. The handler of fatal signals reads it.
    let mark: UnsafeMutablePointer<jf_crash_callback>

    init(_ title: String, isStep: Bool = false) {
        self.title = title
        self.isStep = isStep
        mark = jf_crash_callback_make(nil, title, nil)
        mark.pointee.object = UnsafeRawPointer(Unmanaged.passUnretained(self).toOpaque())
    }

    static let main = Callback("jf_plugin_main", isStep: true)
    static let create = Callback("create", isStep: true)
    static let start = Callback("start", isStep: true)
    static let stop = Callback("stop", isStep: true)
    static let destroy = Callback("destroy", isStep: true)
    static let save = Callback("save", isStep: true)
    static let restore = Callback("restore", isStep: true)
    static let resumed = Callback("resumed", isStep: true)
    static let ready = Callback("ready")
    static let presence = Callback("presence")
    static let admit = Callback("an admit hook")
    static let socketHook = Callback("a hook of a socket")
    static let posted = Callback("a posted function")
    static let timer = Callback("a timer")
    static let answer = Callback("the function that waits for an answer")
    static let fetched = Callback("the function that waits for sockets")
    static let bindingChanged = Callback("the function that a change of a binding calls")
    static let other = Callback("a callback")
}
