// What an order costs. The numbers come from the stock service, the loyalty callout and the property set.

var quantity = parseInt(context.getVariable('order.quantity'), 10);
var price = Number(context.getVariable('stock.price'));
var discount = Number(context.getVariable('loyalty.discount') || 0);
var freeShippingFrom = Number(context.getVariable('propertyset.orders.shipping.free.from'));
var fee = Number(context.getVariable('propertyset.orders.shipping.fee'));

var goods = quantity * price * (100 - discount) / 100;
var shipping = goods >= freeShippingFrom ? 0 : fee;

context.setVariable('order.total', (goods + shipping).toFixed(2));
context.setVariable('order.inStock', String(quantity <= Number(context.getVariable('stock.available'))));
