import Glibc
import NIOCore

/// Descriptors that a program which is started by a plugin must not inherit: NIO leaves its event polls and its sockets open for it.
enum CloseOnExec {
    static func mark(_ descriptor: CInt) {
        _ = fcntl(descriptor, F_SETFD, FD_CLOEXEC)
    }

    /// [loop] The socket of a channel; nothing for a channel without one.
    static func mark(_ channel: any Channel) {
        try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(of: NIOBSDSocket.Handle.self) { mark($0) }
    }

    /// What the event loops of this process wait with. NIO does not tell which descriptors these are, so `/proc` does.
    static func markEventPolls() {
        guard let folder = opendir("/proc/self/fd") else { return }
        defer { closedir(folder) }
        while let entry = readdir(folder) {
            let name = withUnsafeBytes(of: &entry.pointee.d_name) { String(decoding: $0.prefix { $0 != 0 }, as: UTF8.self) }
            guard let descriptor = CInt(name) else { continue }
            let target = withUnsafeTemporaryAllocation(of: CChar.self, capacity: 64) { buffer in
                let count = readlink("/proc/self/fd/\(name)", buffer.baseAddress.unsafelyUnwrapped, buffer.count)
                return String(decoding: buffer.prefix(max(0, count)).map { UInt8(bitPattern: $0) }, as: UTF8.self)
            }
            if target.utf8.starts(with: "anon_inode:[event".utf8) { mark(descriptor) }
        }
    }
}
