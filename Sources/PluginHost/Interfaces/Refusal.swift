import CJackfield

/// Why a call of a plugin is refused: the result code, and what its log line says, without the function's name.
struct Refusal: Error {
    let code: Int32
    let problem: String

    static func invalid(_ problem: String) -> Refusal { Refusal(code: JF_E_INVALID, problem: problem) }
}

extension Plugin {
    /// Serves a call that a plugin may make from the begin of `create` until `stop` has returned. A refusal is logged with the function's name.
    static func serve(_ host: OpaquePointer?, _ function: StaticString, _ body: (Plugin) throws(Refusal) -> Int32) -> Int32 {
        guard let plugin = from(host) else { return JF_E_INVALID }
        guard plugin.isServed else { return JF_E_STATE }
        return plugin.reporting(function) { () throws(Refusal) in try body(plugin) }
    }

    /// Runs `body` and logs why it was refused, if it was.
    @inline(__always)
    func reporting(_ function: StaticString, _ body: () throws(Refusal) -> Int32) -> Int32 {
        do throws(Refusal) {
            return try body()
        } catch {
            return refuse(function, error)
        }
    }

    /// - Returns: the refusal's code.
    func refuse(_ function: StaticString, _ refusal: Refusal) -> Int32 {
        log.warning("\(function): \(refusal.problem)")
        return refusal.code
    }

    /// Logs what is wrong with an argument and returns `JF_E_INVALID`.
    func invalid(_ function: StaticString, _ problem: @autoclosure () -> String) -> Int32 {
        log.warning("\(function): \(problem())")
        return JF_E_INVALID
    }
}
