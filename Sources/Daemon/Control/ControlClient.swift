import Glibc
import RawJSON
import Support

/// Sends one command to a running daemon over its control socket, and waits for the answer. It blocks the calling
/// thread.
public struct ControlClient: Sendable {
    /// Seconds from the connection to the end of the answer. Loading and unloading have shorter limits of their own in
    /// the daemon (`limits.startDeadline`, `limits.shutdownDeadline`), unless the configuration sets longer ones.
    public static let patience: Int64 = 600
    /// Bytes of an answer.
    static let longestAnswer = 16 << 20

    /// Why there is no answer, or no good one, in one line.
    public struct Failure: Error, CustomStringConvertible {
        /// The `code` of the daemon's error; `nil` if the daemon has not answered.
        public let code: String?
        public let description: String
    }

    public let path: String

    /// - Parameter path: of the socket.
    public init(path: String) {
        self.path = path
    }

    /// - Parameters:
    ///   - command: such as `plugin.list`.
    ///   - members: of the request, beside `command`.
    /// - Returns: the value of `ok`.
    public func request(_ command: String, _ members: [JSONValue.Member] = []) throws(Failure) -> JSONValue {
        let deadline = Clock.monotonicMilliseconds + Self.patience * 1_000
        var connection = try send(command, members, until: deadline)
        defer { connection.close() }
        return try answer(from: &connection, until: deadline)
    }

    /// The command `drain`: stops the daemon and waits for its end.
    ///
    /// - Parameter started: called when the daemon begins to stop, with what it says about that.
    /// - Returns: the names of the plugins that did not stop in time.
    public func drain(started: (JSONValue) -> Void) throws(Failure) -> [String] {
        let deadline = Clock.monotonicMilliseconds + Self.patience * 1_000
        var connection = try send("drain", [], until: deadline)
        defer { connection.close() }
        started(try answer(from: &connection, until: deadline))
        let end = try answer(from: &connection, until: deadline)
        // Returns when the process has ended, which closes the connection.
        _ = try? connection.readLine(limit: Self.longestAnswer, until: deadline)
        return (end["given_up"]?.array ?? []).compactMap { $0.string?.text }
    }

    private func send(
        _ command: String, _ members: [JSONValue.Member], until deadline: Int64
    ) throws(Failure) -> ControlConnection {
        let request = JSONValue.object([.init("command", .string(command))] + members).serialized
        guard request.count <= ControlSocket.longestRequest else {
            throw failure("the command has more than \(ControlSocket.longestRequest) bytes; give it less text")
        }
        let connection = ControlConnection(try connect())
        do throws(ControlConnection.Failure) {
            try connection.write(line: request, until: deadline)
        } catch .closed {
            // The daemon may have answered without reading the request.
        } catch {
            connection.close()
            throw failure(Self.text(of: error))
        }
        return connection
    }

    private func answer(from connection: inout ControlConnection, until deadline: Int64) throws(Failure) -> JSONValue {
        let line: [UInt8]
        do throws(ControlConnection.Failure) {
            line = try connection.readLine(limit: Self.longestAnswer, until: deadline)
        } catch {
            throw failure(Self.text(of: error))
        }
        return try parse(line)
    }

    /// The value of `ok`.
    private func parse(_ line: [UInt8]) throws(Failure) -> JSONValue {
        guard let answer = try? JSONValue(parsing: line) else {
            throw failure("its answer is no JSON; check that it is the control socket of a Jackfield")
        }
        if let result = answer["ok"] { return result }
        guard let error = answer["error"], let message = error["message"]?.string else {
            throw failure("its answer is neither a result nor an error; check that it is the socket of a Jackfield")
        }
        throw Failure(code: error["code"]?.string?.text, description: message.text)
    }

    private func connect() throws(Failure) -> Int32 {
        guard let address = UnixAddress(path: path) else {
            throw failure(
                "its path has more than \(UnixAddress.longestPath) bytes; go to its folder and name it from there")
        }
        var status = stat()
        if stat(path, &status) == 0, status.st_mode & S_IFMT != S_IFSOCK { throw failure("it is no socket") }
        let descriptor = UnixAddress.socket()
        guard descriptor >= 0 else { throw failure(String(cString: strerror(errno))) }
        let number = address.connect(descriptor)
        if number == 0 { return descriptor }
        close(descriptor)
        switch number {
        case ENOENT, ENOTDIR:
            throw Failure(
                code: nil,
                description: """
                    no daemon listens at \(path), there is no such file: start the daemon, or run this command in the \
                    daemon's working directory, or name its socket with --control
                    """)
        case ECONNREFUSED:
            throw Failure(
                code: nil, description: "no daemon listens at \(path): the one that made it has ended; start it again")
        case EACCES, EPERM:
            throw failure(
                "only root and the daemon's own user may use it; run this command as one of them, as with sudo")
        case EAGAIN: throw failure("too many commands wait for the daemon; try again")
        default: throw failure(String(cString: strerror(number)))
        }
    }

    private func failure(_ problem: String) -> Failure {
        Failure(code: nil, description: "control socket \(path): \(problem)")
    }

    private static func text(of failure: ControlConnection.Failure) -> String {
        switch failure {
        case .timedOut: "the daemon did not answer within \(patience) s"
        case .tooLong: "the answer has more than \(longestAnswer) bytes"
        case .closed: "the daemon ended before it answered; its log says why"
        case .system(let code): "the connection broke: \(String(cString: strerror(code)))"
        }
    }
}
