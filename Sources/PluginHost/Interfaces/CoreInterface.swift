import CJackfield
import Support
import Transport

/// `jf.core/1`.
enum CoreInterface {
    static var table: jf_core_api {
        jf_core_api(
            struct_size: UInt32(MemoryLayout<jf_core_api>.size), revision: 1,
            log: { host, level, line in
                guard let plugin = LoadedPlugin.from(host) else { return JF_E_INVALID }
                switch level {
                case JF_LOG_DEBUG: plugin.log.write(.debug) { String(cutting: line.bytes, to: PluginLog.longestLine) }
                case JF_LOG_INFO: plugin.log.write(.info) { String(cutting: line.bytes, to: PluginLog.longestLine) }
                case JF_LOG_WARNING:
                    plugin.log.write(.warning) { String(cutting: line.bytes, to: PluginLog.longestLine) }
                case JF_LOG_ERROR: plugin.log.write(.error) { String(cutting: line.bytes, to: PluginLog.longestLine) }
                default: return plugin.invalid("log", "level is \(level), which is no JF_LOG_* of this host")
                }
                return JF_OK
            },
            config: { host, json in
                guard let plugin = LoadedPlugin.from(host) else { return JF_E_INVALID }
                guard let json else { return plugin.invalid("config", "json is NULL") }
                json.pointee = jf_text(plugin.config)
                return JF_OK
            },
            wall_ms: { host, ms in
                guard let ms else { return LoadedPlugin.from(host)?.invalid("wall_ms", "ms is NULL") ?? JF_E_INVALID }
                ms.pointee = Clock.wallMilliseconds
                return JF_OK
            },
            mono_ns: { host, ns in
                guard let ns else { return LoadedPlugin.from(host)?.invalid("mono_ns", "ns is NULL") ?? JF_E_INVALID }
                ns.pointee = Clock.monotonicNanoseconds
                return JF_OK
            },
            post: { host, task, context, free in
                LoadedPlugin.serve(host, "post") { (plugin) throws(HostCallError) in
                    guard let task else { throw .invalid("task is NULL") }
                    let call = TaskCall(task: task, context: context, free: free)
                    return plugin.strand.enqueue(StrandTask(.posted, run: { plugin.run(call) }))
                        ? JF_OK : plugin.refusal
                }
            },
            describe: { host, code, words in
                guard let words else {
                    return LoadedPlugin.from(host)?.invalid("describe", "words is NULL") ?? JF_E_INVALID
                }
                guard let text = ResultCode.words(code) else {
                    words.pointee = .none
                    return JF_E_NOT_FOUND
                }
                words.pointee = jf_text(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
                return JF_OK
            },
            batch: { host, task, context in
                LoadedPlugin.serve(host, "batch") { (plugin) throws(HostCallError) in
                    guard let task else { throw .invalid("task is NULL") }
                    if ThreadState.current?.loop != nil {
                        task(plugin.instance, context)
                    } else {
                        JobBatch.run { task(plugin.instance, context) }
                    }
                    return JF_OK
                }
            })
    }
}
