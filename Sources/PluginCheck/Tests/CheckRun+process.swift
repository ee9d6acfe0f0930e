import CCheckRecord
import Foundation
import Glibc
import Support

/// The tests of what a plugin leaves behind.
extension CheckRun {
    /// Loads before the first measurement: caches of the process fill meanwhile.
    private static let warmUp = 3
    private static let cycles = 10

    /// Loads the plugin, lets clients use it, and unloads it.
    private func cycle(_ host: CheckHost, _ number: Int) throws {
        try host.load()
        var traffic = try RandomTraffic(host, self, seed: options.seed)
        try traffic.sendEverything()
        try host.settle()
        try traffic.end()
        try host.unload()
    }

    // MARK: Memory

    /// Bytes that one load may leave behind on the heap, and elsewhere. The host itself keeps about 20 KiB: what
    /// describes the load, so that late calls of the plugin's threads find it. The runtime of Swift keeps the types of
    /// each image, 130 KiB for the first-party plugins.
    private static let heapPerLoad = 262_144
    private static let otherPerLoad = 1_048_576

    func checkMemory() throws {
        let count = min(100, mostLoads)
        let warm = count / 4
        let host = try CheckHost(self)
        var start = (heap: 0, anonymous: Int?.none)
        for number in 0..<count {
            if number == warm { start = (ProcessState.heapBytes, ProcessState.anonymousBytes) }
            try cycle(host, number)
        }
        let loads = count - warm
        let heap = (ProcessState.heapBytes - start.heap) / loads
        note("\(count) loads; the heap grew by \(max(0, heap)) bytes for each")
        if heap > Self.heapPerLoad {
            fail("each load and unload leaves \(heap >> 10) KiB on the heap (measured over \(loads) loads)")
        }
        guard let before = start.anonymous, let after = ProcessState.anonymousBytes else { return }
        // Each load has data of its own, which stays mapped.
        let other = (after - before) / loads - writableBytes - max(0, heap)
        if other > Self.otherPerLoad {
            fail("each load and unload leaves \(other >> 10) KiB of memory that is not on the heap, such as mmap's")
        }
    }

    // MARK: Threads and descriptors

    func checkThreads() throws {
        let host = try CheckHost(self)
        for number in 0..<Self.warmUp { try cycle(host, number) }
        let before = settled(ProcessState.threads) { $0.count }
        for number in 0..<Self.cycles { try cycle(host, number) }
        // Threads of the runtime's pools may come at any time. A plugin that leaves one leaves it each time.
        let after = settled(ProcessState.threads) { $0.count }
        let left = after.count - before.count
        guard left >= Self.cycles else { return }
        let names = Set(after.subtracting(before).map { ProcessState.name(ofThread: $0) }).sorted()
        fail(
            "\(left) threads are left after \(Self.cycles) loads and unloads, named \(names.prefix(5).joined(separator: ", "))"
        )
    }

    func checkDescriptors() throws {
        let host = try CheckHost(self)
        for number in 0..<Self.warmUp { try cycle(host, number) }
        let before = settled(ProcessState.descriptors) { $0.count }
        for number in 0..<Self.cycles { try cycle(host, number) }
        let after = settled(ProcessState.descriptors) { $0.count }
        let left = after.count - before.count
        guard left >= Self.cycles else { return }
        let targets = after.filter { before[$0.key] == nil }.map(\.value).sorted()
        fail(
            "\(left) descriptors are left after \(Self.cycles) loads and unloads, open on \(targets.prefix(3).joined(separator: ", "))"
        )
    }

    /// Measures until the value has stopped falling for a while: threads end a moment after they were joined.
    private func settled<Value>(_ measure: @autoclosure () -> Value, _ count: (Value) -> Int) -> Value {
        var value = measure()
        var quiet = 0
        while quiet < 5 {
            usleep(50_000)
            let now = measure()
            quiet = count(now) < count(value) ? 0 : quiet + 1
            value = now
        }
        return value
    }

    // MARK: Signals

    func checkSignals() throws {
        let host = try CheckHost(self)
        try host.load()
        var traffic = try RandomTraffic(host, self, seed: options.seed)
        try traffic.sendEverything()
        try host.settle()
        for id in ProcessState.threads {
            let name = ProcessState.name(ofThread: id)
            // The C library blocks signals for a moment while it makes a thread.
            let blocked =
                name.hasPrefix("jf:")
                ? settled(ProcessState.blockedSignals(ofThread: id)) { $0.count } : []
            if !blocked.isEmpty {
                fail("a callback left signals \(blocked) blocked on thread \(name); child processes inherit them")
            }
        }
        // Changes by handlers, which the host looks for once a second.
        for change in host.signals.inspect() where change.isRestored {
            fail("a handler or a thread of the plugin changed what the process does on \(change.signal)")
        }
        try host.unload()
        for misuse in host.misuses where !misuse.isArgument { fail(misuse.line) }
        for change in host.signals.foreign {
            warn("it changed what the process does on \(change.signal), which all plugins share")
        }
        host.stop()
    }

    // MARK: State of the process

    func checkProcessState() throws {
        let before = ProcessState.shared
        let host = try CheckHost(self)
        try cycle(host, 0)
        host.stop()
        for (old, new) in zip(before, ProcessState.shared) where old.value.utf8.elementsEqual(new.value.utf8) == false {
            fail("it changed \(old.name) from '\(old.value.cut(to: 200))' to '\(new.value.cut(to: 200))'")
        }
    }

    func checkOutput() throws {
        fflush(nil)
        let file = "standard-output"
        let descriptor = open(file, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0o600)
        guard descriptor >= 0, dup2(descriptor, STDOUT_FILENO) >= 0 else {
            throw CheckFailure("the check cannot redirect standard output: \(String(cString: strerror(errno)))")
        }
        let host = try CheckHost(self)
        try cycle(host, 0)
        host.stop()
        fflush(nil)
        var text = [UInt8](repeating: 0, count: 256)
        let count = pread(descriptor, &text, text.count, 0)
        guard count > 0 else { return }
        let line = String(decoding: text.prefix(count).prefix { $0 != 10 }, as: UTF8.self)
        warn("it wrote to standard output: '\(line)'")
    }

    /// Calls `jf_plugin_main`, `create` and `destroy`.
    func tryOut() throws {
        let host = try CheckHost(self)
        step("the new version is created")
        try host.tryOut()
    }

    func checkLife() throws {
        try withPlugin { host in
            step("the plugin runs")
            try host.settle()
        }
    }
}
