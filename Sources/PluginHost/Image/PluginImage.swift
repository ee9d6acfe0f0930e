import CJackfield
import Glibc

/// One generation of a plugin's code, mapped for as long as the process lives.
///
/// Images are never unmapped: Swift's runtime keeps pointers into every image that it has seen, and so do other runtimes' exit handlers
/// and thread-locals. A generation costs its pages and nothing else.
struct PluginImage: Sendable {
    typealias Main = @convention(c) (UnsafePointer<jf_boot>?, UnsafeMutablePointer<jf_plugin>?) -> Int32

    /// Where it was found.
    let path: String
    /// `jf_plugin_main`.
    let main: Main

    /// Larger files are refused: nobody's plugin is that large, but a path may name anything.
    static let largestFile = 1 << 30

    /// Reads, checks and maps a library. Runs its constructors, so call it where plugin code may run.
    static func open(_ path: String) throws(PluginError) -> PluginImage {
        let name = PluginFinder.name(of: path)
        func failure(_ kind: PluginError.Kind, _ problem: String) -> PluginError {
            PluginError(kind, plugin: name, path: path, problem)
        }

        let bytes: [UInt8]
        switch read(path) {
        case .success(let read): bytes = read
        case .failure(let error): throw failure(.missing, error.problem)
        }
        let image: ELFImage
        do throws(ELFImage.Unsuitable) {
            image = try ELFImage(bytes)
        } catch {
            throw failure(.notAPlugin, error.problem)
        }
        let missingMain = "exports no function jf_plugin_main; declare it extern \"C\" with default visibility (see section 7 of jackfield.h)"
        if let exports = image.exports, !exports.contains("jf_plugin_main") { throw failure(.notAPlugin, missingMain) }

        let handle: UnsafeMutableRawPointer?
        var reason = ""
        do throws(PrivateCopy.Failure) {
            let copy = try PrivateCopy(of: bytes, from: path, name: name, besideOriginal: image.usesOrigin && hasCompanion(image, of: path))
            dlerror()
            handle = dlopen(copy.path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE))
            // The linker speaks of the copy's name, the operator knows the original's.
            if handle == nil { reason = dlerror().map { replacing(copy.path, by: path, in: String(cString: $0)) } ?? "unknown error" }
            copy.finish(isLoaded: handle != nil)
        } catch {
            throw failure(.notAPlugin, error.problem)
        }
        guard let handle else { throw failure(.notAPlugin, "the dynamic linker refused it: \(reason)") }
        guard let symbol = dlsym(handle, "jf_plugin_main") else { throw failure(.notAPlugin, missingMain) }
        return PluginImage(path: path, main: unsafeBitCast(symbol, to: Main.self))
    }

    private struct ReadFailure: Error {
        let problem: String
    }

    private static func read(_ path: String) -> Result<[UInt8], ReadFailure> {
        let descriptor = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard descriptor >= 0 else { return .failure(ReadFailure(problem: "cannot be opened: \(String(cString: strerror(errno)))")) }
        defer { close(descriptor) }
        var status = stat()
        guard fstat(descriptor, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            return .failure(ReadFailure(problem: "is no regular file"))
        }
        let size = Int(status.st_size)
        guard size <= largestFile else { return .failure(ReadFailure(problem: "is larger than \(largestFile) bytes")) }
        var problem: String?
        let bytes = [UInt8](unsafeUninitializedCapacity: size) { buffer, count in
            while count < size {
                let read = Glibc.read(descriptor, buffer.baseAddress! + count, size - count)
                if read > 0 {
                    count += read
                } else if read == 0 {
                    break
                } else if errno != EINTR {
                    problem = "cannot be read: \(String(cString: strerror(errno)))"
                    break
                }
            }
        }
        if let problem { return .failure(ReadFailure(problem: problem)) }
        return .success(bytes)
    }

    /// Whether a library that the image needs lies beside it.
    private static func hasCompanion(_ image: ELFImage, of path: String) -> Bool {
        let folder = path.lastIndex(of: "/").map { String(path[...$0]) } ?? "./"
        return image.needed.contains { access(folder + $0, R_OK) == 0 }
    }

    private static func replacing(_ text: String, by replacement: String, in message: String) -> String {
        guard message.hasPrefix(text) else { return message }
        return replacement + message.dropFirst(text.count)
    }
}
