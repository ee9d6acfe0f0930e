import CJackfield
import Transport

/// `jf.core/1`.
enum CoreInterface {
    static var table: jf_core_api {
        jf_core_api(
            struct_size: UInt32(MemoryLayout<jf_core_api>.size), revision: 1,
            log: { host, level, line in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                plugin.log.write(level <= JF_LOG_DEBUG ? .debug : level == JF_LOG_INFO ? .info : level == JF_LOG_WARNING ? .warning : .error) { line.string }
                return JF_OK
            },
            config: { host, json in
                guard let plugin = Plugin.from(host), let json else { return JF_E_INVALID }
                json.pointee = jf_text(plugin.config)
                return JF_OK
            },
            wall_ms: { _ in Clock.wallMilliseconds },
            mono_ns: { _ in Clock.monotonicNanoseconds },
            post: { host, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let function else { return plugin.invalid("post", "fn is NULL") }
                guard plugin.isServed else { return JF_E_STATE }
                let call = PluginCall(function: function, context: context)
                return plugin.strand.enqueue(StrandTask(run: { call.function(plugin.instance, call.context) })) ? JF_OK : JF_E_LIMIT
            },
            describe: { host, code, words in
                guard let text = ResultCode.words(code) else {
                    words?.pointee = .none
                    return JF_E_NOT_FOUND
                }
                words?.pointee = jf_text(UnsafeRawBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
                return JF_OK
            },
            together: { host, function, context in
                guard let plugin = Plugin.from(host) else { return JF_E_INVALID }
                guard let function else { return plugin.invalid("together", "fn is NULL") }
                guard plugin.isServed else { return JF_E_STATE }
                if ThreadState.current?.loop != nil {
                    function(plugin.instance, context)
                } else {
                    Handover.together { function(plugin.instance, context) }
                }
                return JF_OK
            })
    }
}
