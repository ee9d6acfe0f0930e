import Foundation
import Glibc
import Logging
import RawJSON
import Support
import Synchronization

/// The Unix socket over which operators' commands reach the daemon: one request and one answer for each connection,
/// each a line of JSON.
///
/// A process that may write to the socket can run code in the daemon, by loading a plugin. So only root's processes and
/// those of the daemon's own user may: the file has the mode 0600, and the kernel says which user has connected.
///
/// It has threads of its own, one that accepts and one for each connection, so that it delays no event loop, and is
/// delayed by none.
final class ControlSocket: Sendable {
    /// Bytes of a request.
    static let longestRequest = 65_536
    /// Connections at a time. Another one is answered with an error.
    static let connectionLimit = 16
    /// Milliseconds for a request to arrive, and for its answer to be read.
    static let timeout: Int64 = 10_000

    /// Why there is no socket.
    struct Unavailable: Error {
        /// What is wrong and what to do.
        let problem: String
    }

    private let path: String
    private let listener: Int32
    /// Device and inode of the socket's file: another daemon may have replaced it.
    private let file: (dev_t, ino_t)
    private let logger: Logger
    private let answer: @Sendable (ControlRequest) async -> JSONValue
    private let connections = Atomic<Int>(0)
    private let ending = Mutex(Ending())

    private struct Ending {
        /// Connections of `drain`, which wait for the end of the daemon.
        var waiting: [ControlConnection] = []
        /// The last line that they get; `nil` until ``ControlSocket/end(givenUp:)``.
        var answer: [UInt8]?
    }
    private let isClosed = Atomic<Bool>(false)

    /// Binds and listens. Blocks on the file system, at most a second if another daemon does the same at this moment.
    ///
    /// A file that a dead daemon has left is replaced. The socket of a living one stays.
    ///
    /// - Parameter answer: carries out a command and returns the answer.
    init(
        at path: String, logger: Logger, answer: @escaping @Sendable (ControlRequest) async -> JSONValue
    ) throws(Unavailable) {
        self.path = path
        self.logger = logger
        self.answer = answer
        (listener, file) = try Self.listen(at: path)
    }

    /// Accepts connections from now on, until ``close()``.
    func start() {
        let thread = Thread { self.accept() }
        thread.name = "jf-operators"
        thread.start()
    }

    /// Accepts no more connections, and removes the file. Commands that run go on.
    func close() {
        guard !isClosed.load(ordering: .relaxed) else { return }
        if let file = Self.file(at: path), file == self.file { unlink(path) }
        // Ends the call of `accept`. Before `isClosed` is set, because its thread then closes the descriptor, and
        // another file may get the number.
        shutdown(listener, Int32(SHUT_RDWR))
        isClosed.store(true, ordering: .relaxed)
    }

    /// Answers the commands that wait for the end of the daemon. The process must end soon.
    func end(givenUp: [String]) {
        let answer: JSONValue = ["ok": ["given_up": .array(givenUp.map { .string($0) })]]
        ending.withLock { ending in
            ending.answer = answer.serialized
            // An answer fits into the connection's buffer.
            for connection in ending.waiting { try? connection.write(line: answer.serialized, until: 0) }
        }
    }

    // MARK: - Listening

    private static func listen(at path: String) throws(Unavailable) -> (Int32, (dev_t, ino_t)) {
        guard let address = UnixAddress(path: path) else {
            throw Unavailable(problem: "its path has more than \(UnixAddress.longestPath) bytes; name a shorter one")
        }
        let folder = (path as NSString).deletingLastPathComponent
        // One daemon at a time looks at the file and replaces it: of two that start together one has the socket.
        let lock = try lock(folder: folder.isEmpty ? "." : folder)
        defer { Glibc.close(lock) }
        try removeStale(path, address)
        let descriptor = UnixAddress.socket()
        guard descriptor >= 0 else { throw Unavailable(problem: reason(errno)) }
        do throws(Unavailable) {
            // Before `bind`: Linux gives the file this mode less the umask, so that it is never open to others.
            guard fchmod(descriptor, 0o600) == 0 else { throw Unavailable(problem: reason(errno)) }
            let code = address.bind(descriptor)
            guard code == 0 else { throw Unavailable(problem: "it cannot be made: \(reason(code))") }
            guard chmod(path, 0o600) == 0, let file = file(at: path),
                Glibc.listen(descriptor, Int32(connectionLimit)) == 0,
                fcntl(descriptor, F_SETFL, 0) == 0
            else {
                let code = errno
                unlink(path)
                throw Unavailable(problem: reason(code))
            }
            return (descriptor, file)
        } catch {
            Glibc.close(descriptor)
            throw error
        }
    }

    /// Makes the folder if it is missing, and waits at most a second for its lock, which ends with the descriptor.
    private static func lock(folder: String) throws(Unavailable) -> Int32 {
        do {
            try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
        } catch {
            let underlying = (error as NSError).userInfo[NSUnderlyingErrorKey] as? NSError
            let text = underlying.map { reason(Int32($0.code)) } ?? error.localizedDescription
            throw Unavailable(problem: "its folder \(folder) cannot be made: \(text)")
        }
        let descriptor = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC)
        guard descriptor >= 0 else {
            throw Unavailable(problem: "its folder \(folder) cannot be opened: \(reason(errno))")
        }
        for _ in 0..<50 {
            if flock(descriptor, LOCK_EX | LOCK_NB) == 0 { return descriptor }
            // A file system without locks, where daemons that start together are not told apart.
            guard errno == EWOULDBLOCK || errno == EINTR else { return descriptor }
            usleep(20_000)
        }
        Glibc.close(descriptor)
        throw Unavailable(problem: "another process keeps its folder \(folder) locked; end that process")
    }

    /// Removes a socket on which no process listens.
    private static func removeStale(_ path: String, _ address: UnixAddress) throws(Unavailable) {
        var status = stat()
        guard lstat(path, &status) == 0 else { return }
        guard status.st_mode & S_IFMT == S_IFSOCK else {
            throw Unavailable(
                problem: "there is a file of that name that is no socket; remove it, or name another path")
        }
        let probe = UnixAddress.socket()
        defer { Glibc.close(probe) }
        switch address.connect(probe) {
        case ECONNREFUSED: break
        case ENOENT: return
        // EAGAIN: more connections wait than the other daemon accepts.
        case 0, EAGAIN:
            let owner = UnixPeer(of: probe).map { "process \($0.process)" } ?? "another process"
            throw Unavailable(
                problem:
                    "it is in use by \(owner); give each daemon a path of its own with control:, or write control: null"
            )
        case let code: throw Unavailable(problem: "the file there cannot be replaced: \(reason(code))")
        }
        guard unlink(path) == 0 || errno == ENOENT else {
            throw Unavailable(problem: "the file that a dead daemon left there cannot be removed: \(reason(errno))")
        }
    }

    private static func file(at path: String) -> (dev_t, ino_t)? {
        var status = stat()
        return lstat(path, &status) == 0 ? (status.st_dev, status.st_ino) : nil
    }

    private static func reason(_ code: Int32) -> String { String(cString: strerror(code)) }

    // MARK: - On the thread that accepts

    private func accept() {
        defer { Glibc.close(listener) }
        while !isClosed.load(ordering: .relaxed) {
            let descriptor = Glibc.accept(listener, nil, nil)
            guard descriptor >= 0 else {
                // For instance no free descriptor: there may be one later.
                if errno != EINTR, !isClosed.load(ordering: .relaxed) { usleep(100_000) }
                continue
            }
            _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
            _ = fcntl(descriptor, F_SETFL, O_NONBLOCK)
            begin(ControlConnection(descriptor))
        }
    }

    private func begin(_ connection: ControlConnection) {
        guard connections.load(ordering: .relaxed) < Self.connectionLimit else {
            let error = ControlError(
                .overloaded, "\(Self.connectionLimit) commands are running already; try again when one has ended")
            logger.warning("the control socket refused a command: \(Self.connectionLimit) are running")
            // A connection without unread output takes this at once.
            try? connection.write(line: error.answer.serialized, until: 0)
            return connection.close()
        }
        connections.add(1, ordering: .relaxed)
        let thread = Thread {
            // A connection that is kept counts until the process ends.
            if !self.serve(connection) { self.connections.subtract(1, ordering: .relaxed) }
        }
        thread.name = "jf-operator"
        thread.start()
    }

    // MARK: - On the thread of a connection

    /// - Returns: whether the connection is kept until the end of the process.
    private func serve(_ connection: ControlConnection) -> Bool {
        var connection = connection
        var isKept = false
        defer { if !isKept { connection.close() } }
        let answer: JSONValue
        do throws(ControlError) {
            guard let request = try request(of: &connection) else { return false }
            answer = run(request)
            // The end of the process closes it.
            isKept = request.isDrain && answer["ok"] != nil
        } catch {
            answer = error.answer
        }
        try? connection.write(line: answer.serialized, until: Clock.monotonicMilliseconds + Self.timeout)
        guard isKept else { return false }
        ending.withLock { [connection] ending in
            ending.waiting.append(connection)
            if let answer = ending.answer { try? connection.write(line: answer, until: 0) }
        }
        return true
    }

    /// `nil` if the other end has closed the connection.
    private func request(of connection: inout ControlConnection) throws(ControlError) -> ControlRequest? {
        guard let peer = UnixPeer(of: connection.descriptor), peer.user == 0 || peer.user == geteuid() else {
            logger.warning("the control socket refused a process of another user")
            throw ControlError(.forbidden, "only root and the daemon's own user may use its control socket")
        }
        let line: [UInt8]
        do throws(ControlConnection.Failure) {
            line = try connection.readLine(
                limit: Self.longestRequest, until: Clock.monotonicMilliseconds + Self.timeout)
        } catch {
            switch error {
            case .closed, .system: return nil
            case .timedOut: throw ControlError(.timeout, "no whole request arrived within \(Self.timeout) ms")
            case .tooLong:
                throw ControlError(.invalidArguments, "the request has more than \(Self.longestRequest) bytes")
            }
        }
        return try ControlRequest(parsing: line)
    }

    /// Carries out a command and waits for its answer.
    private func run(_ request: ControlRequest) -> JSONValue {
        let result = Result()
        Task {
            let value = await answer(request)
            result.value.withLock { $0 = value }
            result.isThere.signal()
        }
        // Ends: every command has a deadline, that of the plugin host.
        result.isThere.wait()
        return result.value.withLock { $0 }
    }

    private final class Result: Sendable {
        let value = Mutex<JSONValue>(.null)
        let isThere = DispatchSemaphore(value: 0)
    }
}
