import PluginHost
import Signatures
import Support

extension Configuration {
    /// A shared library whose C functions answer events and `POST /v1/call/{event}`.
    public struct BoundLibrary: Sendable, Equatable {
        /// A name for the dynamic linker, such as `libm.so.6`, or a path when it contains a slash.
        public var library: String
        /// Its name in logs and metrics.
        public var name: String
        /// Never empty; no two with the same event and namespace.
        public var functions: [LibraryBinding.Function]
        /// The service that the functions are methods of, for plugins; `nil`: none.
        public var service: LibraryBinding.Service?

        /// The name for a library: `libm` for `/lib/libm.so.6`.
        static func name(of library: String) -> String {
            let file = library.split(separator: "/").last ?? ""
            let name = file.lowercased().utf8.prefix { $0 != UInt8(ascii: ".") }.prefix(64).map { byte in
                byte &- 0x61 < 26 || byte &- 0x30 < 10 ? byte : UInt8(ascii: "-")
            }
            return name.isEmpty ? "library" : String(decoding: name, as: UTF8.self)
        }
    }
}

extension ConfigurationRule where Value == [Configuration.BoundLibrary] {
    /// Libraries in loading order, each with a different name.
    static var boundLibraries: Self {
        ConfigurationRule { value in
            guard let elements = value.elements else {
                value.refuse("\(value.described) stands here", "expected a list, one `- library: name` on each line")
                return nil
            }
            var libraries: [Configuration.BoundLibrary] = []
            for element in elements {
                guard let library = ConfigurationRule<Configuration.BoundLibrary>.boundLibrary.apply(element) else {
                    continue
                }
                if libraries.contains(where: { $0.name == library.name }) {
                    element.refuse(
                        "two libraries have the name '\(library.name)'",
                        "write their functions into one entry, or give each a name of its own with name:")
                } else {
                    libraries.append(library)
                }
            }
            return libraries
        }
    }
}

extension ConfigurationRule where Value == Configuration.BoundLibrary {
    fileprivate static var boundLibrary: Self {
        ConfigurationRule { value in
            guard let section = value.section("a section with library: and functions:") else { return nil }
            var library: String?
            section.read("library", intoOptional: &library, .text)
            var name: String?
            section.read("name", intoOptional: &name, .pluginName)
            var run = LibraryBinding.Run.strand
            section.read("run", into: &run, .choice())
            var functions: [LibraryBinding.Function] = []
            let list = section.value("functions")
            if let list { read(list, run: run, into: &functions) }
            let service = readService(section)
            section.finish()
            if library == nil, !value.reader.refused(section.path("library")) {
                value.refuse("the entry names no library", "add library: with a name such as libm.so.6, or a path")
            }
            if list == nil {
                value.refuse("the entry binds no function", #"add functions: { "math:cos": "cos(x: f64) -> f64" }"#)
            }
            guard let library, !functions.isEmpty else { return nil }
            return Configuration.BoundLibrary(
                library: library, name: name ?? Configuration.BoundLibrary.name(of: library), functions: functions,
                service: service)
        }
    }

    private static func read(
        _ value: ConfigurationValue, run: LibraryBinding.Run, into functions: inout [LibraryBinding.Function]
    ) {
        guard let section = value.section(#"events and signatures, as in { "math:cos": "cos(x: f64) -> f64" }"#) else {
            return
        }
        let members = section.members
        if members.isEmpty {
            value.refuse("the entry binds no function", #"write one, as in { "math:cos": "cos(x: f64) -> f64" }"#)
        }
        for (name, member) in members {
            guard let function = function(name, member, run) else { continue }
            functions.append(function)
        }
    }

    /// - Parameter run: the one of the library.
    private static func function(_ event: String, _ value: ConfigurationValue, _ run: LibraryBinding.Run)
        -> LibraryBinding.Function?
    {
        if let problem = LibraryBinding.problem(ofEvent: ByteString(event)) {
            value.refuse("the event's name \(problem)", "choose another one")
            return nil
        }
        var run = run
        var namespace = "/"
        var signature: Signature?
        if value.scalar != nil {
            signature = ConfigurationRule<Signature>.functionSignature.apply(value)
        } else {
            guard let section = value.section("a signature, or a section with signature:") else { return nil }
            section.read("signature", intoOptional: &signature, .functionSignature)
            section.read("run", into: &run, .choice())
            section.read("nsp", into: &namespace, .namespace)
            section.finish()
            if signature == nil, !value.reader.refused(section.path("signature")) {
                value.refuse("the function has no signature", #"add signature: "cos(x: f64) -> f64""#)
            }
        }
        return signature.map {
            LibraryBinding.Function(
                event: ByteString(event), signature: $0, run: run, namespace: ByteString(namespace))
        }
    }

    private static func readService(_ section: ConfigurationSection) -> LibraryBinding.Service? {
        var name: String?
        section.read("service", intoOptional: &name, .text)
        var version: (major: UInt32, minor: UInt32)?
        section.read("version", intoOptional: &version, .serviceVersion)
        guard let name else {
            if section.has("version") {
                section.value("version")?.refuse(
                    "there is no service that has this version", "add service: with its name")
            }
            return nil
        }
        let (major, minor) = version ?? (1, 0)
        guard let service = LibraryBinding.Service(name: ByteString(name), major: major, minor: minor) else {
            section.value("service")?.refuse(
                "this is not the name of a service", "write 1 to 64 of a-z, 0-9, '-' and '.'")
            return nil
        }
        return service
    }
}

extension ConfigurationRule where Value == Signature {
    /// The signature of a C function, which has a name.
    fileprivate static var functionSignature: Self {
        ConfigurationRule { value in
            guard let text = ConfigurationRule<String>.text.apply(value) else { return nil }
            let signature: Signature
            do throws(SignatureError) {
                signature = try Signature(ByteString(text))
            } catch {
                value.refuse("signature '\(text)': \(error)", "docs/signatures.md has the grammar")
                return nil
            }
            if let problem = LibraryBinding.problem(of: signature) {
                let remedy = "docs/signatures.md has the C types"
                // Some problems end with a remedy of their own.
                let parts = problem.split(separator: "; docs/", maxSplits: 1)
                value.refuse("signature '\(text)': \(parts[0])", parts.count > 1 ? "docs/\(parts[1])" : remedy)
                return nil
            }
            return signature
        }
    }
}

extension ConfigurationRule where Value == (major: UInt32, minor: UInt32) {
    fileprivate static var serviceVersion: Self {
        ConfigurationRule { value in
            guard let text = ConfigurationRule<String>.text.apply(value) else { return nil }
            let numbers = text.split(separator: ".", omittingEmptySubsequences: false).map { part in
                part.utf8.allSatisfy { $0 &- 0x30 < 10 } ? UInt32(part) : nil
            }
            guard numbers.count == 2, let major = numbers[0], let minor = numbers[1], major > 0 else {
                value.refuse("'\(text)' is not the version of a service", "write MAJOR.MINOR, from 1.0 on")
                return nil
            }
            return (major, minor)
        }
    }
}
