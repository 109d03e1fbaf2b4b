package apiproxy.sidecar;

import com.apigee.flow.message.Message;
import com.apigee.flow.message.TransportMessage;
import java.io.ByteArrayInputStream;
import java.io.InputStream;
import java.util.ArrayList;
import java.util.Collection;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Set;

/** A message of the transaction, by the name of the variable that holds it. Its parts are flow variables. */
final class NamedMessage implements Message {
    private final Call call;
    private final String name;

    NamedMessage(Call call, String name) {
        this.call = call;
        this.name = name;
    }

    String name() {
        return name;
    }

    @Override
    @SuppressWarnings("unchecked")
    public <T> T getVariable(String part) {
        return (T) call.get(name + "." + part);
    }

    @Override
    public boolean setVariable(String part, Object value) {
        return call.set(name + "." + part, value);
    }

    @Override
    public boolean removeVariable(String part) {
        return call.remove(name + "." + part);
    }

    private String text(String part) {
        Object value = getVariable(part);
        return value == null ? null : value.toString();
    }

    private List<String> texts(String part) {
        List<String> texts = new ArrayList<>();
        Object value = getVariable(part);
        if (value instanceof Collection) {
            for (Object item : (Collection<?>) value) {
                texts.add(String.valueOf(item));
            }
        }
        return texts;
    }

    private int count(String part) {
        Object value = getVariable(part);
        return value instanceof Number ? ((Number) value).intValue() : 0;
    }

    private boolean setAll(String part, Object value) {
        if (!(value instanceof Collection)) {
            return setVariable(part, value);
        }
        removeVariable(part);
        int index = 1;
        for (Object item : (Collection<?>) value) {
            setVariable(part + "." + index++, item);
        }
        return true;
    }

    // ---- content

    @Override
    public String getContent() {
        return text("content");
    }

    @Override
    public InputStream getContentAsStream() {
        byte[] bytes = call.bytes(name);
        return bytes == null ? null : new ByteArrayInputStream(bytes);
    }

    @Override
    public void setContent(InputStream content) {
        setVariable("content", content);
    }

    @Override
    public void setContent(String content) {
        setVariable("content", content);
    }

    // ---- headers

    @Override
    public Set<String> getHeaderNames() {
        return new LinkedHashSet<>(texts("headers.names"));
    }

    @Override
    public String getHeader(String header) {
        return text("header." + header);
    }

    @Override
    public String getHeader(String header, int index) {
        return text("header." + header + "." + index);
    }

    @Override
    public List<String> getHeaders(String header) {
        return texts("header." + header + ".values");
    }

    @Override
    public String getHeadersAsString(String header) {
        return text("header." + header + ".values.string");
    }

    @Override
    public Object getHeadersAsObject(String header) {
        List<String> values = getHeaders(header);
        return values.isEmpty() ? null : values.size() == 1 ? values.get(0) : values;
    }

    @Override
    public boolean setHeader(String header, Object value) {
        return setAll("header." + header, value);
    }

    @Override
    public boolean setHeader(String header, int index, Object value) {
        return setVariable("header." + header + "." + index, value);
    }

    @Override
    public boolean removeHeader(String header) {
        return removeVariable("header." + header);
    }

    @Override
    public boolean removeHeader(String header, int index) {
        return removeVariable("header." + header + "." + index);
    }

    // ---- query parameters

    @Override
    public Set<String> getQueryParamNames() {
        return new LinkedHashSet<>(texts("queryparams.names"));
    }

    @Override
    public int getQueryParamsCount() {
        return count("queryparams.count");
    }

    @Override
    public String getQueryParam(String parameter) {
        return text("queryparam." + parameter);
    }

    @Override
    public int getQueryParamValuesCount(String parameter) {
        return count("queryparam." + parameter + ".values.count");
    }

    @Override
    public String getQueryParam(String parameter, int index) {
        return text("queryparam." + parameter + "." + index);
    }

    @Override
    public List<String> getQueryParams(String parameter) {
        return texts("queryparam." + parameter + ".values");
    }

    @Override
    public String getQueryParamsAsString(String parameter) {
        return text("queryparam." + parameter + ".values.string");
    }

    @Override
    public boolean setQueryParam(String parameter, Object value) {
        return setAll("queryparam." + parameter, value);
    }

    @Override
    public boolean setQueryParam(String parameter, int index, Object value) {
        return setVariable("queryparam." + parameter + "." + index, value);
    }

    @Override
    public boolean removeQueryParam(String parameter) {
        return removeVariable("queryparam." + parameter);
    }

    @Override
    public boolean removeQueryParam(String parameter, int index) {
        return removeVariable("queryparam." + parameter + "." + index);
    }

    @Override
    public TransportMessage getTransportMessage() {
        return new NamedTransport(this);
    }

    @Override
    public String toString() {
        return getContent();
    }
}
