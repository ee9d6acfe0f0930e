extension JackfieldHost {
    /// Runs `work` on the strand, after what is queued there, with the plugin's instance.
    ///
    /// Throws ``HostError`` with `JF_E_LIMIT` if the plugin's queue is full.
    public func onStrand<P: Plugin>(_ type: P.Type, _ work: @escaping @Sendable (P) -> Void) throws {
        let key = tasks.add(Self.typed(work))
        do {
            try check(core.post?(pointer, TaskTable.run, UnsafeMutableRawPointer(bitPattern: key), TaskTable.free), "core.post")
        } catch {
            tasks.remove(key)
            throw error
        }
    }

    /// Runs `work` on the strand once, `delay` from now (at most 30 days), never early.
    @discardableResult
    public func after<P: Plugin>(
        _ delay: Duration, _ type: P.Type, _ work: @escaping @Sendable (P) -> Void
    ) throws -> OneShotTimer {
        let key = tasks.add(Self.typed(work))
        var timer: jf_timer = 0
        do {
            try check(
                timerTable.after?(pointer, delay.milliseconds, TaskTable.run, UnsafeMutableRawPointer(bitPattern: key), TaskTable.free, &timer),
                "timers.after")
        } catch {
            tasks.remove(key)
            throw error
        }
        return OneShotTimer(host: self, timer: timer)
    }

    /// The instance is always a `P`: one image holds one plugin. Were it not, nothing is called.
    private static func typed<P: Plugin>(_ work: @escaping @Sendable (P) -> Void) -> TaskTable.Work {
        { plugin in
            if let plugin = plugin as? P { work(plugin) }
        }
    }
}

extension Duration {
    /// Rounded up, so that nothing is early; negative durations are none.
    var milliseconds: UInt64 {
        let (seconds, attoseconds) = components
        guard seconds >= 0, attoseconds >= 0 else { return 0 }
        return UInt64(seconds) * 1000 + UInt64((attoseconds + 999_999_999_999_999) / 1_000_000_000_000_000)
    }
}
