package apiproxy.sidecar;

import com.apigee.flow.message.TransportMessage;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.nio.charset.Charset;
import java.util.Collection;
import java.util.List;
import java.util.Set;

/** A message as the transport sees it; its properties are parts of the message too (`status.code`, `verb`). */
final class NamedTransport implements TransportMessage {
    private static final long serialVersionUID = 1L;

    final transient NamedMessage message;

    NamedTransport(NamedMessage message) {
        this.message = message;
    }

    @Override
    public String getTransportID() {
        return "http";
    }

    @Override
    public Object getProperty(String name) {
        return message.getVariable(name);
    }

    @Override
    public boolean setProperty(String name, String value) {
        return message.setVariable(name, value);
    }

    @Override
    public boolean removeProperty(String name) {
        return message.removeVariable(name);
    }

    @Override
    public Set<String> getHeaderNames() {
        return message.getHeaderNames();
    }

    @Override
    public String getHeader(String name) {
        return message.getHeader(name);
    }

    @Override
    public String getHeader(String name, int index) {
        return message.getHeader(name, index);
    }

    @Override
    public List<String> getHeaders(String name) {
        return message.getHeaders(name);
    }

    @Override
    public String getHeadersAsString(String name) {
        return message.getHeadersAsString(name);
    }

    @Override
    public Object getHeadersAsObject(String name) {
        return message.getHeadersAsObject(name);
    }

    @Override
    public boolean setHeader(String name, String value) {
        return message.setHeader(name, value);
    }

    @Override
    public boolean setHeader(String name, int index, String value) {
        return message.setHeader(name, index, value);
    }

    @Override
    public boolean setHeader(String name, Collection<String> values) {
        return message.setHeader(name, values);
    }

    @Override
    public boolean removeHeader(String name) {
        return message.removeHeader(name);
    }

    @Override
    public boolean removeHeader(String name, int index) {
        return message.removeHeader(name, index);
    }

    @Override
    public void setContent(InputStream content) {
        message.setContent(content);
    }

    @Override
    public InputStream getContent() {
        return message.getContentAsStream();
    }

    @Override
    public String getContentAsString(String charset) {
        try {
            InputStream content = getContent();
            return content == null ? null : new String(Wire.readAll(content), Charset.forName(charset));
        } catch (IOException failure) {
            throw new UncheckedIOException(failure);
        }
    }
}
