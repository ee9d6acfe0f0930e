import CJackfield

/// `jf.timers/1`.
enum TimersInterface {
    static var table: jf_timers_api {
        jf_timers_api(
            struct_size: UInt32(MemoryLayout<jf_timers_api>.size), revision: 1,
            after: { host, delay, task, context, free, timer in
                timer?.pointee = 0
                return LoadedPlugin.serve(host, "after") { (plugin) throws(HostCallError) in
                    guard let task else { throw .invalid("task is NULL") }
                    guard delay <= DescriptorReader.longestTimer else {
                        throw .invalid(
                            "delay is \(delay) ms, more than the \(DescriptorReader.longestTimer) of 30 days")
                    }
                    guard let handle = plugin.set(after: delay, TaskCall(task: task, context: context, free: free))
                    else { return plugin.refusal }
                    timer?.pointee = handle
                    return JF_OK
                }
            },
            cancel: { host, timer in
                LoadedPlugin.serve(host, "cancel") { (plugin) throws(HostCallError) in
                    guard plugin.timers.remove(timer, { plugin.releaseLater($0) }) else { return JF_E_GONE }
                    plugin.host.timers.timerCancelled()
                    return JF_OK
                }
            })
    }
}
