import Glibc
import Synchronization

extension Loop {
    private static let key: pthread_key_t = {
        var key = pthread_key_t()
        let code = pthread_key_create(&key, nil)
        precondition(code == 0, "no thread-specific key for the current loop: error \(code)")
        return key
    }()

    /// The loop whose thread this is; nil on every other thread. A few ns.
    public static var current: Loop? {
        guard let pointer = pthread_getspecific(key) else { return nil }
        return Unmanaged<Loop>.fromOpaque(pointer).takeUnretainedValue()
    }

    /// Makes this thread the loop's. ``Loops`` holds the loop longer than its thread lives.
    package func becomeCurrent() {
        pthread_setspecific(Self.key, Unmanaged.passUnretained(self).toOpaque())
    }
}
