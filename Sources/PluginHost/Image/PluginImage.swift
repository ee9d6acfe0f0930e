import CJackfield
import Glibc

/// The code of one load of a plugin, mapped for as long as the process lives.
///
/// Images are never unmapped: Swift's runtime keeps pointers into every image, and so do other runtimes' exit handlers
/// and thread-locals. Each load costs its pages and its private copy.
struct PluginImage: Sendable {
    typealias Main = @convention(c) (UnsafePointer<jf_boot>?, UnsafeMutablePointer<jf_plugin>?) -> Int32

    /// The original file.
    let path: String
    /// The private copy that is mapped; debuggers and crash reports show this path.
    let copy: String
    /// `jf_plugin_main`.
    let main: Main

    /// Larger files are refused: no plugin is that large, but a path may name any file.
    static let largestFile = 1 << 30

    /// Copies, checks and maps a library. Runs its constructors, so call it on a thread where plugin code may run.
    ///
    /// - Parameters:
    ///   - folder: the folder for the copy; `nil`: the copy is in memory.
    ///   - warn: called with the reason if the copy could not be made in the folder and is in memory instead.
    ///   - mapping: called before the copy is mapped, with its path and the build-id, which is empty if there is none.
    static func open(
        _ path: String, generation: Int, in folder: String?, warn: (String) -> Void,
        mapping: (_ copy: String, _ buildID: String) -> Void
    ) throws(PluginError) -> PluginImage {
        let name = PluginFinder.name(of: path)
        func failure(_ kind: PluginError.Kind, _ problem: String) -> PluginError {
            PluginError(kind, plugin: name, path: path, problem)
        }

        let source = Glibc.open(path, O_RDONLY | O_CLOEXEC)
        guard source >= 0 else { throw failure(.missing, "cannot be opened: \(String(cString: strerror(errno)))") }
        defer { close(source) }
        var status = stat()
        guard fstat(source, &status) == 0, status.st_mode & S_IFMT == S_IFREG else {
            throw failure(.missing, "is no regular file")
        }
        guard status.st_size <= largestFile else { throw failure(.missing, "is larger than \(largestFile) bytes") }

        var copy: PrivateCopy
        do throws(PrivateCopy.Failure) {
            copy = try makeCopy(of: source, named: "\(name.prefix(64))-\(generation)", in: folder, warn)
        } catch {
            throw failure(.notAPlugin, "could not make a private copy of it: \(error.problem)")
        }
        do throws(PluginError) {
            return try map(&copy, of: path, mapping, failure)
        } catch {
            copy.discard()
            throw error
        }
    }

    private static func makeCopy(of source: Int32, named name: String, in folder: String?, _ warn: (String) -> Void)
        throws(PrivateCopy.Failure) -> PrivateCopy
    {
        guard let folder else { return try PrivateCopy(of: source, named: name, in: nil) }
        do throws(PrivateCopy.Failure) {
            return try PrivateCopy(of: source, named: name, in: folder)
        } catch {
            warn("is loaded from memory, where debuggers do not find it: \(error.problem)")
            guard lseek(source, 0, SEEK_SET) == 0 else { throw error }
            return try PrivateCopy(of: source, named: name, in: nil)
        }
    }

    private static func map(
        _ copy: inout PrivateCopy, of path: String, _ mapping: (String, String) -> Void,
        _ failure: (PluginError.Kind, String) -> PluginError
    ) throws(PluginError) -> PluginImage {
        let image: ELFImage
        do {
            image = try copy.withBytes { bytes in Result { () throws(ELFImage.Unsuitable) in try ELFImage(bytes) } }
                .get()
            if image.usesOrigin, hasCompanion(image, of: path) { try copy.move(besideThoseOf: path) }
        } catch {
            throw failure(
                .notAPlugin,
                (error as? ELFImage.Unsuitable)?.problem ?? (error as? PrivateCopy.Failure)?.problem ?? "\(error)")
        }
        let missingMain =
            "exports no function jf_plugin_main; declare it extern \"C\" with default visibility (see section 7 of jackfield.h)"
        if let exports = image.exports, !exports.contains("jf_plugin_main") { throw failure(.notAPlugin, missingMain) }

        mapping(copy.path, image.buildID)
        dlerror()
        guard let handle = dlopen(copy.path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) else {
            // The linker's message names the copy; the operator knows the original.
            let reason = dlerror().map { replacing(copy.path, by: path, in: String(cString: $0)) } ?? "unknown error"
            throw failure(.notAPlugin, "the dynamic linker refused it: \(reason)")
        }
        copy.keep()
        guard let symbol = dlsym(handle, "jf_plugin_main") else { throw failure(.notAPlugin, missingMain) }
        return PluginImage(path: path, copy: copy.path, main: unsafeBitCast(symbol, to: Main.self))
    }

    /// Whether a library that the image needs is in the same folder.
    private static func hasCompanion(_ image: ELFImage, of path: String) -> Bool {
        let folder = PrivateCopy.folder(of: path)
        return image.needed.contains { access(folder + $0, R_OK) == 0 }
    }

    private static func replacing(_ text: String, by replacement: String, in message: String) -> String {
        guard message.hasPrefix(text) else { return message }
        return replacement + message.dropFirst(text.count)
    }
}

/// Finds the library file that an operator named.
enum PluginFinder {
    /// The path of the library for `path`, which is a path or a name.
    ///
    /// - Throws: ``PluginError`` of kind `missing`, with every folder that was searched.
    static func find(_ path: String, in folders: [String]) throws(PluginError) -> String {
        if path.contains("/") {
            guard isFile(path) else {
                throw PluginError(
                    .missing, plugin: name(of: path), path: path,
                    "there is no such file; give the path of a shared library, or a name to look up in pluginPath")
            }
            return path
        }
        let names = path.hasSuffix(".so") ? [path] : ["\(path).so", "lib\(path).so"]
        for folder in folders {
            for name in names {
                let candidate = folder.hasSuffix("/") ? folder + name : "\(folder)/\(name)"
                if isFile(candidate) { return candidate }
            }
        }
        let places = folders.isEmpty ? "pluginPath is empty" : "looked in \(folders.joined(separator: ", "))"
        throw PluginError(
            .missing, plugin: path, path: nil,
            "there is no \(names.joined(separator: " or ")); \(places); to name a file, write a path with a slash")
    }

    /// The plugin's name until its descriptor is read: the file's name without `lib` and `.so`.
    static func name(of path: String) -> String {
        var name = path.split(separator: "/").last.map(String.init) ?? path
        if name.hasSuffix(".so") { name.removeLast(3) }
        if name.hasPrefix("lib"), name.count > 3 { name.removeFirst(3) }
        return name
    }

    private static func isFile(_ path: String) -> Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFREG
    }
}
