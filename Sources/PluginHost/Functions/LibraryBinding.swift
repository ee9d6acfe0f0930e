import CJackfield
import Glibc
import Signatures
import SocketIO
import Support

/// C functions of a shared library that knows nothing of Jackfield: one entry of the configuration's `bind`. The
/// library is loaded as a plugin without code of its own.
public struct LibraryBinding: Sendable, Equatable {
    /// One function, and the event that it answers.
    public struct Function: Sendable, Equatable {
        public var event: ByteString
        /// Its name is the symbol of the library.
        public var signature: Signature
        public var run: Run
        public var namespace: ByteString

        public init(event: ByteString, signature: Signature, run: Run = .strand, namespace: ByteString = "/") {
            self.event = event
            self.signature = signature
            self.run = run
            self.namespace = namespace
        }
    }

    /// The thread on which a function is called.
    public enum Run: String, Sendable, CaseIterable {
        /// On the library's own thread, one call at a time.
        case strand
        /// On several threads; the calls of one user one at a time.
        case byUser = "by-user"
        /// On several threads.
        case parallel
        /// On the event loop: for functions that take a few microseconds at most.
        case inline
    }

    /// The functions as methods of a service, which plugins bind through `jf.services/1`.
    public struct Service: Sendable, Equatable {
        public var name: ByteString
        public var major: UInt32
        public var minor: UInt32

        /// - Returns: nil if it is no name of a service, or the version has no major number.
        public init?(name: ByteString, major: UInt32, minor: UInt32) {
            guard ServiceDescriptor.isName(name), major > 0 else { return nil }
            self.name = name
            self.major = major
            self.minor = minor
        }
    }

    public var functions: [Function]
    public var service: Service?

    public init(functions: [Function], service: Service? = nil) {
        self.functions = functions
        self.service = service
    }

    /// Why a client's event cannot have this name, as the end of a sentence that names it; nil if it can.
    public static func problem(ofEvent name: ByteString) -> String? {
        guard (1...DescriptorReader.longestName).contains(name.utf8.count) else {
            return "has \(name.utf8.count) bytes, not 1 to \(DescriptorReader.longestName)"
        }
        guard !name.withBytes({ PacketEncoder.isReserved(name: $0) }) else { return "is reserved by Socket.IO" }
        return name.utf8.contains(0) ? "holds a zero byte" : nil
    }

    /// Why no C function can have this signature; nil if one can.
    public static func problem(of signature: Signature) -> String? {
        guard signature.name != nil else { return "there is no name: write that of the C function before '('" }
        do throws(CFunctionType.Unsupported) {
            _ = try CFunctionType(signature, .called)
            return nil
        } catch {
            return error.problem
        }
    }
}

extension LoadedPlugin {
    /// Maps a library and finds the functions. On the strand, because constructors are the library's code.
    ///
    /// The file itself is mapped, not a copy: a library such as libm is in the process already, and must not be there
    /// twice.
    func open(_ binding: LibraryBinding) -> Result<PluginDescriptor, PluginError> {
        dlerror()
        guard let handle = dlopen(path, RTLD_NOW | RTLD_LOCAL | Int32(RTLD_NODELETE)) else {
            let reason = dlerror().map { String(cString: $0) } ?? "unknown error"
            // With another name in it, a library that this one needs is missing.
            guard reason == "\(path): cannot open shared object file: No such file or directory" else {
                return .failure(failure(.missing, "the dynamic linker refused it: \(reason)"))
            }
            let problem =
                path.contains("/")
                ? "there is no such file"
                : "there is no such library where the dynamic linker searches; install it, or write a path with a slash"
            return .failure(failure(.missing, problem))
        }
        var descriptor = PluginDescriptor(name: name, version: "")
        do throws(PluginError) {
            if !spec.name.isEmpty {
                do throws(DescriptorReader.Problem) {
                    try DescriptorReader.checkName(
                        ByteString(spec.name), "the name of this entry in the configuration,")
                } catch {
                    throw failure(error.kind, error.text)
                }
            }
            for (index, function) in binding.functions.enumerated() {
                descriptor.functions.append(try find(function, number: index + 1, in: handle))
            }
        } catch {
            return .failure(error)
        }
        for (index, function) in descriptor.functions.enumerated()
        where descriptor.functions[..<index].contains(where: {
            $0.name == function.name && $0.namespace == function.namespace
        }) {
            return .failure(failure(.badDescriptor, "function \(index + 1): \(function.title) is bound twice"))
        }
        if let service = binding.service {
            descriptor.services = [Self.service(service, of: descriptor.functions)]
        }
        return .success(descriptor)
    }

    private func find(_ function: LibraryBinding.Function, number: Int, in handle: UnsafeMutableRawPointer)
        throws(PluginError) -> FunctionDescriptor
    {
        let title = "function \(number): '\(DescriptorReader.shown(function.event))': "
        if let problem = LibraryBinding.problem(ofEvent: function.event) {
            throw failure(.badDescriptor, "\(title)the event's name \(problem)")
        }
        guard let symbol = function.signature.name else {
            throw failure(.badDescriptor, "\(title)the signature '\(function.signature)' has no name")
        }
        let type: CFunctionType
        do throws(CFunctionType.Unsupported) {
            type = try CFunctionType(function.signature, .called)
        } catch {
            throw failure(.badDescriptor, "\(title)signature '\(function.signature)': \(error.problem)")
        }
        guard let address = dlsym(handle, symbol.text) else {
            throw failure(
                .missing,
                "\(title)the library has no function '\(symbol)'; the name in the signature is that of the C function")
        }
        return FunctionDescriptor(
            number: number, namespace: function.namespace, name: function.event, signature: function.signature,
            // A symbol that is no function is the mistake of the author of the configuration, as a wrong signature is.
            function: unsafeBitCast(address, to: jf_fn.self), type: type, run: function.run.mode)
    }

    /// The functions as methods. A C function that answers several events is one method.
    private static func service(_ service: LibraryBinding.Service, of functions: [FunctionDescriptor])
        -> ServiceDescriptor
    {
        var methods: [MethodDescriptor] = []
        for function in functions where !methods.contains(where: { $0.signature.name == function.signature.name }) {
            methods.append(
                MethodDescriptor(
                    signature: function.signature, body: .function(function.function, function.type),
                    // The calls of a plugin come from no user.
                    run: function.run == .byUser ? .parallel : function.run, context: nil))
        }
        return ServiceDescriptor(name: service.name, major: service.major, minor: service.minor, methods: methods)
    }
}

extension LibraryBinding.Run {
    fileprivate var mode: RunMode {
        switch self {
        case .strand: .strand
        case .byUser: .byUser
        case .parallel: .parallel
        case .inline: .inline
        }
    }
}
