import CCrashReport

/// One load of a plugin as the report of a crash names it. Its memory is C's and is never freed, because the handler of
/// fatal signals reads it.
///
/// `@unchecked Sendable`: an address; the functions of `crash_report.h` are thread-safe.
struct PluginIdentity: @unchecked Sendable {
    let raw: OpaquePointer

    /// - Parameter file: the original file.
    init(name: String, file: String) {
        raw = jf_crash_plugin_make(name, file)
    }

    func rename(_ name: String) { jf_crash_plugin_rename(raw, name) }

    /// Sets the file that the plugin is mapped from, and its build-id, which may be empty.
    func setCopy(_ path: String, buildID: String) { jf_crash_plugin_set_copy(raw, path, buildID) }

    /// Notes the addresses of the library that has this function.
    func setCode(of function: UnsafeRawPointer) { jf_crash_plugin_set_code(raw, function) }

    /// Whether its library has this function. [any-thread]
    func hasCode(at address: UInt) -> Bool { address != 0 && jf_crash_plugin_at(address) == raw }
}
