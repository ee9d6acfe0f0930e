import CJackfield

/// Why a call of a plugin is refused: the result code, and what its log line says, without the function's name.
struct HostCallError: Error {
    let code: Int32
    let problem: String

    static func invalid(_ problem: String) -> HostCallError { HostCallError(code: JF_E_INVALID, problem: problem) }
}

extension LoadedPlugin {
    /// Serves a call that a plugin may make from the begin of `create` until `stop` has returned. A refusal is logged with the function's name.
    @inline(__always)
    static func serve(_ host: OpaquePointer?, _ function: StaticString, _ body: (LoadedPlugin) throws(HostCallError) -> Int32) -> Int32 {
        with(host) { plugin in
            guard plugin.isServed else { return JF_E_STATE }
            do throws(HostCallError) {
                return try body(plugin)
            } catch {
                return plugin.refuse(function, error)
            }
        }
    }

    /// - Returns: the refusal's code.
    @inline(never)
    func refuse(_ function: StaticString, _ refusal: HostCallError) -> Int32 {
        log.warning("\(function): \(refusal.problem)")
        return refusal.code
    }

    /// Logs what is wrong with an argument and returns `JF_E_INVALID`.
    func invalid(_ function: StaticString, _ problem: @autoclosure () -> String) -> Int32 {
        log.warning("\(function): \(problem())")
        return JF_E_INVALID
    }
}
