import CJackfield

/// `jf.timers/1`.
enum TimersInterface {
    static var table: jf_timers_api {
        jf_timers_api(
            struct_size: UInt32(MemoryLayout<jf_timers_api>.size), revision: 1,
            after: { host, delay, function, context, timer in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                timer?.pointee = 0
                guard plugin.isServed else { return JF_E_STATE }
                guard let function else { return plugin.invalid("after", "fn is NULL") }
                guard delay <= DescriptorReader.longestTimer else {
                    return plugin.invalid("after", "delay is \(delay) ms, more than \(DescriptorReader.longestTimer)")
                }
                guard let handle = plugin.set(after: delay, PluginCall(function: function, context: context)) else { return JF_E_LIMIT }
                timer?.pointee = handle
                return JF_OK
            },
            cancel: { host, timer in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard plugin.timers.take(timer) else { return JF_E_GONE }
                plugin.host.timers.timerCancelled()
                return JF_OK
            })
    }
}
