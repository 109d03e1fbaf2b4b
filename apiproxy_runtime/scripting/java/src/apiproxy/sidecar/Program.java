package apiproxy.sidecar;

import com.apigee.flow.execution.spi.Execution;
import java.io.File;
import java.io.IOException;
import java.lang.reflect.Constructor;
import java.lang.reflect.InvocationTargetException;
import java.net.MalformedURLException;
import java.net.URL;
import java.net.URLClassLoader;
import java.util.List;
import java.util.Map;

/** A callout policy: its class, with the one instance that serves all requests. */
final class Program {
    /** The jars of one bundle. They see the API, and nothing of other bundles. */
    static final class Jars extends URLClassLoader {
        Jars(List<String> paths) throws MalformedURLException {
            super(urls(paths), Program.class.getClassLoader());
        }

        private static URL[] urls(List<String> paths) throws MalformedURLException {
            URL[] urls = new URL[paths.size()];
            for (int i = 0; i < urls.length; i++) {
                urls[i] = new File(paths.get(i)).toURI().toURL();
            }
            return urls;
        }

        void forget() {
            try {
                close();
            } catch (IOException left) {
                // the jars are read no more either way
            }
        }
    }

    final Jars jars;
    private final String className;
    private final Map<String, String> properties;
    private Execution instance;

    Program(Jars jars, String className, Map<String, String> properties) {
        this.jars = jars;
        this.className = className;
        this.properties = properties;
    }

    /** The instance, made when first needed. Throws what its constructor throws. */
    synchronized Execution instance() throws Throwable {
        if (instance == null) {
            instance = make(jars.loadClass(className));
        }
        return instance;
    }

    private Execution make(Class<?> type) throws Throwable {
        try {
            Constructor<?> withProperties = constructor(type, Map.class);
            Constructor<?> plain = constructor(type);
            if (withProperties != null && (plain == null || !properties.isEmpty())) {
                return (Execution) withProperties.newInstance(properties);
            }
            if (plain == null) {
                throw new NoSuchMethodException("No appropriate constructor found in JavaCallout class " + className);
            }
            return (Execution) plain.newInstance();
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    private static Constructor<?> constructor(Class<?> type, Class<?>... parameters) {
        try {
            return type.getConstructor(parameters);
        } catch (NoSuchMethodException missing) {
            return null;
        }
    }
}
