/// Lines under the plugin's name. Beyond 100 lines a second the host counts them and writes them not.
public struct Log: Sendable {
    let host: JackfieldHost

    public func debug(_ line: @autoclosure () -> String) { write(JF_LOG_DEBUG, line()) }
    public func info(_ line: @autoclosure () -> String) { write(JF_LOG_INFO, line()) }
    public func warning(_ line: @autoclosure () -> String) { write(JF_LOG_WARNING, line()) }
    public func error(_ line: @autoclosure () -> String) { write(JF_LOG_ERROR, line()) }

    private func write(_ level: UInt32, _ line: String) {
        withText(line) { _ = host.core.log?(host.pointer, level, $0) }
    }
}
